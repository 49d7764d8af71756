// Light, dark, or as the system says. The choice stands on <html data-theme>; the desktop app keeps it in its
// preferences, and a browser keeps it for itself.

import type { Host } from '../host/host';
import type { Status } from '../host/api';

export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'theme';

export class Theme {
  choice: ThemeChoice = $state('system');

  constructor(private readonly host: Host) {
    this.#show(kept());
  }

  /** What the desktop app keeps counts more than what this webview remembers. */
  async read(status: Status): Promise<void> {
    if (!status.desktop) return;
    const preferences = await this.host.call('desktop_preferences', {});
    this.#show(preferences.theme);
  }

  /** Rejects if the desktop app could not keep it. */
  async choose(choice: ThemeChoice, status: Status | undefined): Promise<void> {
    this.#show(choice);
    if (status?.desktop) await this.host.call('set_desktop_preferences', { theme: choice });
  }

  #show(choice: ThemeChoice): void {
    this.choice = choice;
    document.documentElement.dataset.theme = choice;
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // A browser may forbid it; the theme then lasts as long as the page.
    }
  }
}

function kept(): ThemeChoice {
  try {
    const choice = localStorage.getItem(KEY);
    return choice === 'light' || choice === 'dark' ? choice : 'system';
  } catch {
    return 'system';
  }
}
