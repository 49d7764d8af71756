// The parts of the page, in their order.

const PARTS = [
  { name: 'server', title: 'Server' },
  { name: 'tunnel', title: 'Tunnel' },
  { name: 'clients', title: 'Clients' },
  { name: 'app', title: 'This app' },
  { name: 'storage', title: 'Storage' },
  { name: 'key', title: 'Master key' },
  { name: 'files', title: 'Files' },
  { name: 'reset', title: 'Reset' },
  { name: 'about', title: 'About' },
] as const;

export type PartName = (typeof PARTS)[number]['name'];
export interface PartEntry {
  name: PartName;
  title: string;
}

/** Only the desktop app has a keyring, and starts at login. What could not be read yet is not there to go to. */
export function partsOf({ desktop, known }: { desktop: boolean; known: boolean }): PartEntry[] {
  const of_settings: readonly string[] = ['tunnel', 'clients', 'storage'];
  return PARTS.filter(({ name }) => (name !== 'key' || desktop) && (known || !of_settings.includes(name))).map((part) =>
    part.name === 'app' && !desktop ? { ...part, title: 'Appearance' } : part,
  );
}

export const titleOf = (name: PartName): string => PARTS.find((part) => part.name === name)?.title ?? name;

/** The part that is being read: the last one that begins in the upper part of the window; at the very end, the last. */
export function partAt(elements: readonly HTMLElement[]): PartName | undefined {
  const last = elements.at(-1);
  if (!last) return undefined;
  const atEnd = last.getBoundingClientRect().bottom <= window.innerHeight;
  const read = atEnd ? last : elements.findLast((element) => element.getBoundingClientRect().top < window.innerHeight * 0.25);
  return (read ?? elements[0])?.dataset['part'] as PartName | undefined;
}
