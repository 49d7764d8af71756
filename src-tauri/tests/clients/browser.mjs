// A person at a browser: follows redirects, keeps cookies, fills in the forms it is shown, until it is sent back to
// the client's redirect URI. It is as strict as a real browser where that has broken sign-ins before: cookies are
// shared by all ports of a host, `form-action` also binds the redirects after a form, and a page with
// `Referrer-Policy: no-referrer` posts with `Origin: null`. It runs no script.

import { readPage } from './html.mjs';

const LIMIT = 20;

/** Cookies by host, as RFC 6265 has them: a port is no border. */
class CookieJar {
  #cookies = new Map();

  take(url, headers) {
    for (const line of headers.getSetCookie()) {
      const [pair, ...rest] = line.split(';').map((part) => part.trim());
      const at = pair.indexOf('=');
      const name = pair.slice(0, at);
      const attributes = Object.fromEntries(rest.map((a) => [a.split('=')[0].toLowerCase(), a.split('=').slice(1).join('=')]));
      if (name.startsWith('__Host-') && (!('secure' in attributes) || attributes.path !== '/' || 'domain' in attributes)) continue;
      const path = attributes.path?.startsWith('/') ? attributes.path : url.pathname.replace(/\/[^/]*$/, '') || '/';
      const key = `${url.hostname} ${path} ${name}`;
      const age = attributes['max-age'] !== undefined ? Number(attributes['max-age']) : undefined;
      const gone = age !== undefined ? age <= 0 : attributes.expires && Date.parse(attributes.expires) <= Date.now();
      if (gone) this.#cookies.delete(key);
      else this.#cookies.set(key, { host: url.hostname, path, name, value: pair.slice(at + 1), sameSite: attributes.samesite?.toLowerCase() });
    }
  }

  values = () => [...this.#cookies.values()].map(({ value }) => value);

  header(url, { crossSite, post }) {
    const sent = [...this.#cookies.values()].filter(
      (c) =>
        c.host === url.hostname &&
        (url.pathname === c.path || url.pathname.startsWith(c.path.endsWith('/') ? c.path : `${c.path}/`)) &&
        // Chrome treats a missing SameSite as Lax: cross-site only on top-level GET.
        !(crossSite && (c.sameSite === 'strict' || (c.sameSite !== 'none' && post))),
    );
    return sent.map((c) => `${c.name}=${c.value}`).join('; ');
  }
}

const site = (url) => (url.hostname.endsWith('localhost') ? 'localhost' : url.hostname);

function relation(from, to) {
  if (!from) return 'none';
  if (from.origin === to.origin) return 'same-origin';
  return from.protocol === to.protocol && site(from) === site(to) ? 'same-site' : 'cross-site';
}

const WORST = ['none', 'same-origin', 'same-site', 'cross-site'];

function formAction(policy) {
  const directive = policy?.split(';').map((d) => d.trim().split(/\s+/)).find(([name]) => name?.toLowerCase() === 'form-action');
  return directive?.slice(1);
}

function allows(sources, page, target) {
  if (!sources) return true;
  return sources.some(
    (s) => s === '*' || (s === "'self'" && target.origin === page.origin) || s === target.protocol || s.replace(/\/$/, '') === target.origin || (s.includes('/') && target.href.startsWith(s)),
  );
}

export class Browser {
  #jar = new CookieJar();
  /** Every page shown: `{ url, status, title, text }`, oldest first. */
  pages = [];
  /** Labels of what was clicked, oldest first. */
  clicked = [];
  /** How often somebody was sent here to sign in. */
  signIns = 0;
  #codes = [];

  /** `person` is picked on a page that offers people; `decide` finds the button of a consent page. */
  constructor({ person = 'ada', decide = /^(approve|allow|accept|yes|continue)/i } = {}) {
    this.person = person;
    this.decide = decide;
  }

  /**
   * Opens `start` and goes on until it is sent to `redirectUri` (default: the one named in `start`), which is not
   * opened. Returns that URL. Throws with the page's text where a person would be stuck.
   */
  async signIn(start, redirectUri = new URL(start).searchParams.get('redirect_uri')) {
    this.signIns += 1;
    const back = new URL(redirectUri);
    let step = { url: new URL(start), from: undefined };
    for (let count = 0; count < LIMIT; count += 1) {
      const { arrived, response, url } = await this.#open(step, back);
      if (arrived) {
        this.#codes.push(arrived.searchParams.get('code'));
        return arrived;
      }
      step = this.#next(url, response, readPage(response.body));
    }
    throw new Error(`still not back at ${back.origin}${back.pathname} after ${LIMIT} pages: ${this.pages.map((p) => p.url).join(' -> ')}`);
  }

  /** What it was given and nobody else may see: codes and cookies. */
  secrets() {
    return [...this.#codes, ...this.#jar.values()].filter((value) => value?.length >= 16);
  }

  /** One navigation with its redirects: the page it ends on, or the URL it was sent back to. */
  async #open({ url, from, method = 'GET', body, origin, sources }, back) {
    let worst = relation(from, url);
    for (let count = 0; count < LIMIT; count += 1) {
      if (url.origin === back.origin && url.pathname === back.pathname) return { arrived: url };
      const crossSite = worst === 'cross-site';
      const cookie = this.#jar.header(url, { crossSite, post: method === 'POST' });
      const response = await fetch(url, {
        method,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(20_000),
        headers: {
          accept: 'text/html,application/xhtml+xml,*/*;q=0.8',
          'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0 Safari/537.36',
          'sec-fetch-dest': 'document',
          'sec-fetch-mode': 'navigate',
          'sec-fetch-site': worst,
          'sec-fetch-user': '?1',
          ...(cookie && { cookie }),
          ...(method === 'POST' && { origin, 'content-type': 'application/x-www-form-urlencoded' }),
        },
      });
      this.#jar.take(url, response.headers);
      const location = response.headers.get('location');
      if (response.status < 300 || response.status >= 400 || !location) {
        const page = { url: url.href, status: response.status, headers: response.headers, body: await response.text() };
        return { url, response: page };
      }
      await response.arrayBuffer();
      const target = new URL(location, url);
      if (sources && !allows(sources.list, sources.page, target)) {
        throw new Error(`Content-Security-Policy form-action of ${sources.page.origin}${sources.page.pathname} forbids the redirect to ${target.origin}`);
      }
      const step = relation(url, target);
      worst = WORST[Math.max(WORST.indexOf(worst), worst === 'none' ? 0 : WORST.indexOf(step))];
      if (response.status === 303 || (method === 'POST' && response.status < 303)) [method, body] = ['GET', undefined];
      url = target;
    }
    throw new Error(`redirected more than ${LIMIT} times, last to ${url.origin}${url.pathname}`);
  }

  /** What a person does on this page: pick themselves, approve, or follow the link that names them. */
  #next(url, response, page) {
    this.pages.push({ url: url.href, status: response.status, title: page.title, text: page.text, scripts: page.scripts });
    const stuck = (why) => new Error(`${why} on ${url.origin}${url.pathname} (HTTP ${response.status}): ${page.text.slice(0, 600)}`);
    if (response.status >= 400) throw stuck('an error page');
    const person = new RegExp(`\\b${this.person}\\b`, 'i');
    const names = (choice) => person.test(choice.label) || person.test(choice.value ?? '');
    for (const form of page.forms) {
      const choice = form.choices.find(names) ?? form.choices.find((c) => c.type === 'submit' && (this.decide.test(c.label) || this.decide.test(c.value)));
      if (choice) return this.#submit(url, response, page, form, choice);
    }
    const link = page.links.find((l) => names({ label: l.label, value: l.href }));
    if (link) {
      this.clicked.push(link.label);
      return { url: new URL(link.href, url), from: url };
    }
    // A form that says who signs in some other way: a text field for the name.
    const form = page.forms.find((f) => f.fields.some(([, , type]) => ['text', 'email'].includes(type)));
    if (form) return this.#submit(url, response, page, form, form.choices.find((c) => c.type === 'submit'));
    throw stuck('nothing to press');
  }

  #submit(url, response, page, form, choice) {
    this.clicked.push(choice?.label ?? '');
    const values = form.fields.map(([name, value, type]) => [name, value === '' && ['text', 'email'].includes(type) ? this.person : value]);
    if (choice?.name) values.push([choice.name, choice.value]);
    if (choice?.type === 'radio') {
      const button = form.choices.find((c) => c.type === 'submit');
      if (button?.name) values.push([button.name, button.value]);
    }
    const target = new URL(form.action || url.href, url);
    const sources = { list: formAction(response.headers.get('content-security-policy')), page: url };
    if (!allows(sources.list, url, target)) throw new Error(`Content-Security-Policy form-action forbids the form of ${url.href}`);
    const query = new URLSearchParams(values);
    if (form.method !== 'post') {
      target.search = query.toString();
      return { url: target, from: url, sources };
    }
    const policy = (response.headers.get('referrer-policy') ?? page.referrerPolicy ?? '').split(',').pop().trim();
    const hidden = policy === 'no-referrer' || (policy === 'same-origin' && target.origin !== url.origin);
    return { url: target, from: url, method: 'POST', body: query.toString(), origin: hidden ? 'null' : url.origin, sources };
  }
}

/**
 * Hands the callback URL to the client that listens there, as the browser would. Returns its answer's text.
 * We sign in faster than any person, and some clients open their port only after the browser: then we knock again.
 */
export async function deliver(callback, patience = 10_000) {
  for (const end = Date.now() + patience; ; ) {
    try {
      const response = await fetch(callback, { signal: AbortSignal.timeout(20_000) });
      const text = await response.text();
      if (!response.ok) throw new Error(`the client answered its callback with ${response.status}: ${text.slice(0, 300)}`);
      return text;
    } catch (error) {
      if (error.cause?.code !== 'ECONNREFUSED' || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
