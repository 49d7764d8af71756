// What the tests need and happy-dom does not have.

import { cleanup } from '@testing-library/svelte';
import { afterEach } from 'vitest';

afterEach(() => {
  cleanup();
  localStorage.clear();
  location.hash = '';
  document.documentElement.dataset.theme = 'system';
});

Element.prototype.scrollIntoView ??= () => {};
