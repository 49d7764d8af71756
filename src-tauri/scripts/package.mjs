// `npm run package`: the installers of this platform, from the very sources that are here. Linux makes .deb and .rpm;
// macOS .dmg, Windows NSIS and MSI, and AppImage where the bundler may download its tools (JMOP_BUNDLES=appimage).

import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './process.mjs';
import { Missing, needCargo, needNpmPackages, needSystemPackages, DESKTOP_BUILD, ROOT, TARGET, works } from './setup.mjs';

const HOUR = 3_600_000;
const BUNDLES = { linux: 'deb,rpm', darwin: 'dmg', win32: 'nsis,msi' };
const MB = 1_000_000;
const LARGEST = { '.deb': 12, '.rpm': 12 };

async function step(what, command, args, options = {}) {
  const { code } = await run(command, args, { cwd: ROOT, limit: HOUR, ...options });
  if (code !== 0) throw new Missing(`${what} failed: see above.`);
}

const files = (folder) => (existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [] : [join(folder, entry.name)])) : []);

/** The bundler knows only gzip for .deb; the packages of Debian and Ubuntu themselves are xz, which is a third smaller. */
async function smaller(deb) {
  const contents = `${deb}.contents`;
  await step('Opening the package', 'dpkg-deb', ['--raw-extract', deb, contents]);
  await step('Packing it smaller', 'dpkg-deb', ['-Zxz', '-z9', '--root-owner-group', '--build', contents, deb]);
  rmSync(contents, { recursive: true });
}

async function main() {
  const bundles = process.env.JMOP_BUNDLES ?? BUNDLES[process.platform];
  if (!bundles) throw new Missing(`There are no installers for ${process.platform}.`);
  needCargo();
  if (process.platform === 'linux') needSystemPackages(DESKTOP_BUILD);
  await needNpmPackages();
  await step('Building the pages', 'npm', ['run', 'ui:build']);
  const output = join(TARGET, 'release', 'bundle');
  rmSync(output, { recursive: true, force: true }); // an older version would look like a result
  const cli = join(ROOT, 'node_modules', '.bin', process.platform === 'win32' ? 'tauri.cmd' : 'tauri');
  await step('Building the installers', cli, ['build', '--ci', '--bundles', bundles, '--', '--locked'], { cwd: join(ROOT, 'src-tauri') });
  const made = bundles.split(',').flatMap((kind) => files(join(output, kind)));
  if (made.length === 0) throw new Missing(`No installer was made in ${output}.`);
  const debs = works('dpkg-deb', '--version') ? made.filter((name) => name.endsWith('.deb')) : [];
  for (const deb of debs) await smaller(deb);
  console.log();
  for (const file of made) {
    const size = statSync(file).size / MB;
    const most = LARGEST[file.slice(file.lastIndexOf('.'))];
    console.log(`${file}  ${size.toFixed(1)} MB${most && size > most ? `  (more than the ${most} MB it should have at most)` : ''}`);
  }
  for (const deb of debs) await step('Looking into the package', 'dpkg-deb', ['--info', deb]);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Missing)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
