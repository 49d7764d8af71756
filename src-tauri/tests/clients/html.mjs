// Reads from an HTML page what a browser needs to go on: its forms and links, as text.
// Not a DOM: no scripts, no styles, no implied tags. Pages that need more than this are not fit for a sign-in.

const ENTITIES = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Replaces character references by what they stand for. */
export function decode(text) {
  return text.replace(/&(?:#x([0-9a-f]+)|#(\d+)|(\w+));/gi, (all, hex, dec, name) => {
    if (hex) return String.fromCodePoint(parseInt(hex, 16));
    if (dec) return String.fromCodePoint(Number(dec));
    return ENTITIES[name.toLowerCase()] ?? all;
  });
}

/** The visible text of a piece of HTML, white space folded. */
export function textOf(html) {
  const bare = html.replace(/<(script|style|head)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^>]*>/g, ' ');
  return decode(bare).replace(/\s+/g, ' ').trim();
}

function attributes(source) {
  const found = {};
  for (const [, name, double, single, bare] of source.matchAll(/([^\s=/>"']+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+)))?/g)) {
    found[name.toLowerCase()] = decode(double ?? single ?? bare ?? '');
  }
  return found;
}

/** Every `<name ...>` of the piece with its attributes and, for elements with an end tag, its inner HTML. */
function elements(html, name) {
  const closed = !['input', 'meta'].includes(name);
  const pattern = new RegExp(`<${name}\\b((?:"[^"]*"|'[^']*'|[^>"'])*)>${closed ? `([\\s\\S]*?)</${name}\\s*>` : ''}`, 'gi');
  return [...html.matchAll(pattern)].map(([whole, source, inner = '']) => ({ whole, inner, ...attributes(source) }));
}

/** Fields sent whatever the person does, and choices: the buttons and radio buttons to pick from. */
function readForm({ whole, inner, action = '', method = 'get', enctype }) {
  const fields = [];
  const choices = [];
  const labels = elements(inner, 'label');
  for (const input of elements(inner, 'input')) {
    const type = (input.type ?? 'text').toLowerCase();
    const label = labels.find((l) => (input.id && l.for === input.id) || l.whole.includes(input.whole));
    if ('disabled' in input) continue;
    if (['submit', 'image', 'radio'].includes(type)) {
      choices.push({ type, name: input.name, value: input.value ?? 'on', label: label ? textOf(label.inner) : (input.value ?? '') });
    } else if (type === 'checkbox') {
      if ('checked' in input && input.name) fields.push([input.name, input.value ?? 'on']);
    } else if (input.name && !['button', 'reset', 'file'].includes(type)) {
      fields.push([input.name, input.value ?? '', type]);
    }
  }
  for (const button of elements(inner, 'button')) {
    if ((button.type ?? 'submit').toLowerCase() !== 'submit' || 'disabled' in button) continue;
    choices.push({ type: 'submit', name: button.name, value: button.value ?? '', label: textOf(button.inner) });
  }
  return { action, method: method.toLowerCase(), enctype, fields, choices, text: textOf(whole) };
}

/** The forms and links of a page. */
export function readPage(html) {
  const live = html.replace(/<!--[\s\S]*?-->/g, '');
  return {
    text: textOf(live),
    title: textOf(elements(live, 'title')[0]?.inner ?? ''),
    forms: elements(live, 'form').map(readForm),
    links: elements(live, 'a').map((a) => ({ href: a.href ?? '', label: textOf(a.inner) })),
    referrerPolicy: elements(live, 'meta').find((m) => m.name === 'referrer')?.content,
    scripts: elements(live, 'script').length,
  };
}
