// Values of claims as people read them. Pure: `now` is handed in.

import type { Claims, Json } from '../../host/api';
import { exactTime, relativeTime } from '../../state/time';

/** Claims that are seconds since the epoch. */
const TIMES = new Set(['iat', 'nbf', 'exp', 'auth_time', 'xms_cae_iat', 'signin_state_time', 'updated_at']);

/** A value as text: a string as it is, anything else as JSON. */
export function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** "Tue 24 Nov 2026, 17:21:31, in 51 min" for a claim that is a time. */
export function timeOf(claim: string, value: Json, now: number): string | null {
  if (!TIMES.has(claim) || typeof value !== 'number' || Math.abs(value) > 8_640_000_000_000) return null;
  const at = value * 1000;
  return `${exactTime(at)}, ${relativeTime(at, now)}`;
}

/** Three or five parts of base64url, the first of which is the beginning of a JSON object. */
const TOKEN = /\beyJ[\w-]{5,}(?:\.[\w-]*){2,4}/g;

/** The same claims, with every token inside them cut: some issuers nest one, and it must not be shown or copied whole. */
export function withoutTokens(value: Claims): Claims;
export function withoutTokens(value: Json): Json;
export function withoutTokens(value: Json): Json {
  if (typeof value === 'string') return value.replace(TOKEN, (token) => `${token.slice(0, 8)}… (a token, not shown)`);
  if (Array.isArray(value)) return value.map((part) => withoutTokens(part));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withoutTokens(part)]));
  }
  return value;
}

export const jsonOf = (value: Json): string => JSON.stringify(value, null, 2);
