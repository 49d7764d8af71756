// The support bundle as one text file, so that a person can read all of it before sending it.

import type { Commands } from '../../host/api';

export function bundleText({ name, files }: Commands['support_bundle'][1]): string {
  const parts = files.map((file) => `=== ${file.name} ===\n${file.text.trimEnd() || '(empty)'}\n`);
  return [`Support bundle ${name}\nNo secrets and no names of people are in it.\n`, ...parts].join('\n');
}
