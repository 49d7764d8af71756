// What commands take and answer. The engine's own are in engine.ts, written from its table; here are those of the desktop
// app, and the names the pages know some of the engine's types by.

import type { EngineCommands, SettingsChange, State, TokenInspection } from './engine';

export * from './engine';
export type EngineState = State;
export type Changes = SettingsChange['changes'];
export type Notes = TokenInspection['notes'];

// === desktop ===

export interface DesktopPreferences {
  start_at_login: boolean;
  theme: 'system' | 'light' | 'dark';
  notify: { new_client: boolean; sign_in_again: boolean; tunnel: boolean; secret_expiry: boolean };
  /** Where the master key is kept; one from the environment cannot be moved. */
  key: { is: 'keyring' | 'file' | 'passphrase' | 'environment' };
}

export interface DesktopPreferencesChange {
  start_at_login?: boolean;
  theme?: DesktopPreferences['theme'];
  notify?: Partial<DesktopPreferences['notify']>;
}

/** Answered by the desktop app, whether or not the engine runs. */
export interface DesktopCommands {
  desktop_preferences: [Record<string, never>, DesktopPreferences];
  set_desktop_preferences: [DesktopPreferencesChange, DesktopPreferences];
  use_keyring: [Record<string, never>, DesktopPreferences];
  use_key_file: [Record<string, never>, DesktopPreferences];
  set_passphrase: [{ passphrase: string }, DesktopPreferences];
  unlock: [{ passphrase: string }, DesktopPreferences];
}

export type Commands = EngineCommands & DesktopCommands;
