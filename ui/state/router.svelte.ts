// Where the person is: `#/claims?session=..`. `app.router.page`, `app.router.query.get('session')`,
// `href('claims', {session})` for links, `app.router.go('claims', {session})` in code.

export const PAGES = ['home', 'entra', 'sessions', 'claims', 'log', 'settings'] as const;
export type PageName = (typeof PAGES)[number];

export interface Place {
  page: PageName;
  query: URLSearchParams;
}

/** An address nobody knows leads home. */
export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const page = PAGES.find((name) => name === path) ?? 'home';
  return { page, query: new URLSearchParams(query) };
}

export function href(page: PageName, query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const search = new URLSearchParams(given).toString();
  return search === '' ? `#/${page}` : `#/${page}?${search}`;
}

export class Router {
  #place: Place = $state.raw(parse(location.hash));

  get page(): PageName {
    return this.#place.page;
  }

  get query(): URLSearchParams {
    return this.#place.query;
  }

  /** The answer stops it. */
  start(): () => void {
    const follow = () => (this.#place = parse(location.hash));
    follow();
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }

  /** What was asked for was done: asked for again, it is done again. */
  done(name: string): void {
    const { page } = this.#place;
    const query = Object.fromEntries([...this.#place.query].filter(([known]) => known !== name));
    history.replaceState(history.state, '', href(page, query));
  }

  go(page: PageName, query: Record<string, string | undefined> = {}): void {
    location.hash = href(page, query);
  }
}
