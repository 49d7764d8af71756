// What steps, verdicts and states are called.

import type { AttemptRow, SessionRow, Step, StepState } from '../host/api';

const STEP_NAMES: Record<Step, string> = {
  discovery: 'Discovery',
  challenge: 'Challenge',
  registration: 'Register',
  authorize: 'Authorize',
  consent: 'Consent',
  upstream: 'Entra',
  callback: 'Callback',
  token: 'Token',
  first_call: 'First call',
  refresh: 'Refresh',
};

const STEP_STATES: Record<StepState, string> = {
  pending: 'not yet',
  done: 'done',
  skipped: 'not needed',
  failed: 'failed',
  waiting: 'waiting',
};

export type Tone = 'off' | 'good' | 'warn' | 'bad' | 'busy';

const VERDICT_TONES: Record<AttemptRow['verdict']['is'], Tone> = {
  running: 'busy',
  connected: 'good',
  refused: 'bad',
  silent: 'warn',
  ended: 'off',
};

/** In their order. */
export const STEPS = Object.keys(STEP_NAMES) as Step[];

export const stepName = (step: Step): string => STEP_NAMES[step];
export const stepState = (state: StepState): string => STEP_STATES[state];
export const verdictTone = (attempt: AttemptRow): Tone => VERDICT_TONES[attempt.verdict.is];

/** A session is idle after this long without a call. */
const IDLE = 24 * 60 * 60_000;

export interface SessionCondition {
  is: 'live' | 'idle' | 'expiring' | 'sign_in_needed' | 'ended';
  word: string;
  tone: Tone;
}

/** How a session is doing, in a word. */
export function sessionCondition(row: SessionRow, now: number): SessionCondition {
  if (row.state.is === 'ended') {
    return row.state.why === 'sign_in_needed'
      ? { is: 'sign_in_needed', word: 'needs sign-in', tone: 'warn' }
      : { is: 'ended', word: 'ended', tone: 'off' };
  }
  if (now - row.active_at >= IDLE) return { is: 'idle', word: 'idle', tone: 'off' };
  // Its access token has ended. A client that is closed refreshes when it is opened again; one that tried and failed
  // needs somebody to look.
  if (row.access_expires_at <= now) return { is: 'expiring', word: 'expiring', tone: row.refresh?.ok === false ? 'warn' : 'off' };
  return { is: 'live', word: 'live', tone: 'good' };
}
