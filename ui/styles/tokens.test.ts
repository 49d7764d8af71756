// Contrast of what stands on what, in both themes (WCAG 2.2, 1.4.3 and 1.4.11), computed from the style sheet itself.

import { describe, expect, it } from 'vitest';

import source from './tokens.css?raw';

const css = source.replace(/\/\*[^]*?\*\//g, '');

/** Every token, as it is in the light or in the dark. */
function tokens(theme: 'light' | 'dark'): Map<string, string> {
  const seen = css.replace(/light-dark\(([^,]+), ([^,]+?)\)(?=[;,])/g, theme === 'light' ? '$1' : '$2');
  return new Map([...seen.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name!, value!]));
}

const light = tokens('light');
const dark = tokens('dark');

function luminance(theme: Map<string, string>, name: string): number {
  let value = theme.get(name) ?? '';
  for (let match = /^var\((.+)\)$/.exec(value); match; match = /^var\((.+)\)$/.exec(value)) value = theme.get(match[1]!) ?? '';
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(value)?.[1];
  if (!hex) throw new Error(`${name} is not a colour: ${value}`);
  const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join('') : hex;
  const [r, g, b] = [0, 2, 4].map((at) => {
    const part = parseInt(full.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(theme: Map<string, string>, one: string, other: string): number {
  const [dim, bright] = [luminance(theme, one), luminance(theme, other)].sort((a, b) => a - b) as [number, number];
  return (bright + 0.05) / (dim + 0.05);
}

const TEXT = [
  ['--ink', '--paper'],
  ['--ink', '--ground'],
  ['--ink', '--hover'],
  ['--soft', '--paper'],
  ['--soft', '--ground'],
  ['--soft', '--hover'],
  ['--accent', '--paper'],
  ['--accent', '--ground'],
  ['--accent', '--hover'],
  ['--accent', '--accent-tint'],
  ['--on-accent', '--accent'],
  ['--on-accent', '--accent-strong'],
  ['--good', '--paper'],
  ['--good', '--ground'],
  ['--good', '--good-tint'],
  ['--warn', '--warn-tint'],
  ['--bad', '--paper'],
  ['--bad', '--bad-tint'],
  ['--ink', '--accent-tint'],
  ['--ink', '--warn-tint'],
  ['--ink', '--bad-tint'],
  ['--accent', '--accent-tint'],
  ['--faint', '--paper'],
] as const;
const GRAPHICS = [
  ['--good-lamp', '--paper'],
  ['--bad-lamp', '--paper'],
  ['--accent', '--paper'],
] as const;

describe.each([
  ['light', light],
  ['dark', dark],
])('%s', (_, theme) => {
  it.each(TEXT)('%s is readable on %s', (ink, paper) => expect(contrast(theme, ink, paper)).toBeGreaterThanOrEqual(4.5));
  it.each(GRAPHICS)('%s can be seen on %s', (ink, paper) => expect(contrast(theme, ink, paper)).toBeGreaterThanOrEqual(3));
});

it('every colour with a meaning has one for the dark', () => {
  const block = /color-scheme: light dark;([^}]*)\}/.exec(css)![1]!;
  const meanings = [...block.matchAll(/(--[\w-]+):\s*([^;]+);/g)].map(([, name, value]) => [name!, value!] as const);
  const [known] = TEXT[0];
  expect(meanings.map(([name]) => name)).toContain(known);
  expect(meanings.filter(([, value]) => !value.includes('light-dark('))).toEqual([]);
});
