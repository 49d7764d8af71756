// What the practice tenant's faults are called.

/** Abbreviations and dates of the trade; everything else is an ordinary word. */
const WORDS: Record<string, string> = { uri: 'URI', mfa: 'MFA' };

/** `wrong-redirect-uri` as a title: "Wrong redirect URI". */
export function faultName(fault: string): string {
  const words = fault.split('-').map((word) => WORDS[word] ?? word).join(' ');
  return words.charAt(0).toLocaleUpperCase('en') + words.slice(1);
}
