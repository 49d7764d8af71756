// Makes every icon from icons/icon.svg: PNG, ICO and ICNS of the app, and the tray icons. Run it after changing the
// SVG and commit what it makes; builds only use the results. Needs rsvg-convert (Debian: librsvg2-bin).

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Missing, ROOT, works } from './setup.mjs';

const ICONS = join(ROOT, 'icons');
const TRAY_SIZE = 32; // twice what panels show, so that it stays sharp on dense screens

const INK = { light: '#1b1d21', dark: '#f2f4f7' };
const GREEN = { light: '#13864b', dark: '#4fd08b' };
const AMBER = { light: '#c25e00', dark: '#ffb84d' };

function png(svg, size) {
  const { status, stdout, stderr } = spawnSync('rsvg-convert', ['-w', size, '-h', size], { input: svg, maxBuffer: 1 << 24 });
  if (status !== 0) throw new Error(`rsvg-convert: ${stderr}`);
  return stdout;
}

/** Windows: a folder of PNGs. */
function ico(svg, sizes) {
  const images = sizes.map((size) => png(svg, size));
  const head = Buffer.alloc(6 + 16 * sizes.length);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(sizes.length, 4);
  let offset = head.length;
  images.forEach((image, i) => {
    const at = 6 + 16 * i;
    head.writeUInt8(sizes[i] % 256, at); // 0 stands for 256
    head.writeUInt8(sizes[i] % 256, at + 1);
    head.writeUInt16LE(1, at + 4);
    head.writeUInt16LE(32, at + 6);
    head.writeUInt32LE(image.length, at + 8);
    head.writeUInt32LE(offset, at + 12);
    offset += image.length;
  });
  return Buffer.concat([head, ...images]);
}

/** macOS: typed chunks of PNG. */
function icns(svg) {
  const kinds = { ic11: 32, ic12: 64, ic07: 128, ic13: 256, ic08: 256, ic14: 512, ic09: 512, ic10: 1024 };
  const chunk = (kind, data) => {
    const head = Buffer.alloc(8);
    head.write(kind, 'ascii');
    head.writeUInt32BE(data.length + 8, 4);
    return Buffer.concat([head, data]);
  };
  return chunk('icns', Buffer.concat(Object.entries(kinds).map(([kind, size]) => chunk(kind, png(svg, size)))));
}

/** The mark alone, filling the square; a state is told by shape and by colour. */
function tray(mark, state, theme) {
  const ink = INK[theme];
  const shield = mark.slice(0, mark.indexOf('Z') + 1);
  const badged = (badge) => `<mask id="m"><rect width="64" height="64" fill="#fff"/><circle cx="46" cy="46" r="22" fill="#000"/></mask><path mask="url(#m)" fill="${ink}" d="${shield}"/>${badge}`;
  const bodies = {
    running: `<path fill="${ink}" fill-rule="evenodd" d="${mark}"/>`,
    public: badged(`<circle cx="46" cy="46" r="17" fill="${GREEN[theme]}"/>`),
    attention: badged(`<path d="M45 29 59 57H31Z" fill="${AMBER[theme]}" stroke="${AMBER[theme]}" stroke-width="4" stroke-linejoin="round"/><path d="M45 37v10m0 4v4" stroke="${theme === 'light' ? '#fff' : '#1b1d21'}" stroke-width="5"/>`),
    stopped: `<path fill="none" stroke="${ink}" stroke-width="6" stroke-linejoin="round" stroke-opacity=".75" d="${shield}"/><path d="M21 20 43 44M43 20 21 44" stroke="${ink}" stroke-opacity=".75" stroke-width="6.500" stroke-linecap="round"/>`,
  };
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">${bodies[state]}</svg>`;
}

function make() {
  if (!works('rsvg-convert', '--version')) throw new Missing('rsvg-convert is missing: install librsvg2-bin (Debian) or librsvg, then run this again.');
  const svg = readFileSync(join(ICONS, 'icon.svg'), 'utf8');
  const mark = /id="mark"[^>]* d="([^"]+)"/s.exec(svg)?.[1];
  if (!mark) throw new Missing('icons/icon.svg has no path with id="mark" any more: the tray icons are made from it.');
  for (const [name, size] of [['32x32', 32], ['64x64', 64], ['128x128', 128], ['128x128@2x', 256], ['icon', 512]]) {
    writeFileSync(join(ICONS, `${name}.png`), png(svg, size));
  }
  writeFileSync(join(ICONS, 'icon.ico'), ico(svg, [16, 24, 32, 48, 64, 256]));
  writeFileSync(join(ICONS, 'icon.icns'), icns(svg));
  mkdirSync(join(ICONS, 'tray'), { recursive: true });
  for (const state of ['running', 'public', 'attention', 'stopped']) {
    for (const theme of Object.keys(INK)) writeFileSync(join(ICONS, 'tray', `${state}-${theme}.png`), png(tray(mark, state, theme), TRAY_SIZE));
  }
}

try {
  make();
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
