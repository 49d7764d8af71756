// Mounting for tests: `mountApp('empty', '#/log')` for a whole window, `mountPart(CopyField, {..})` for one component.
// Both answer the fake host, a user with a keyboard and a mouse, and the queries of testing-library.

import { render } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { createRawSnippet, type Component } from 'svelte';

import App from '../app/App.svelte';
import { fakeHost, type FakeHost, type FakeState } from '../host/fake';
import WithApp from './WithApp.svelte';

export function mountApp(state: FakeState | FakeHost = 'busy', hash = '#/home') {
  const host = typeof state === 'string' ? fakeHost(state) : state;
  location.hash = hash;
  return { host, user: userEvent.setup(), ...render(App, { host }) };
}

/** Of any props and exports: the compiler sees a generic component as one of no props in particular. */
type Part = Component<any, any>;

export function mountPart(part: Part, props: Record<string, unknown> = {}, host: FakeHost = fakeHost()) {
  return { host, user: userEvent.setup(), ...render(WithApp, { host, of: part, with: props }) };
}

/** A snippet that is only words. */
export const words = (text: string) => createRawSnippet(() => ({ render: () => `<span>${text}</span>` }));
