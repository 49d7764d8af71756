// Which of the well-known clients one is, from what it says about itself. That proves nothing and decides nothing: it
// only turns the right card green.

export type Known =
  | 'claude'
  | 'bridge'
  | 'chatgpt'
  | 'claude-code'
  | 'vscode'
  | 'cursor'
  | 'inspector'
  | 'codex'
  | 'gemini'
  | 'copilot-cli'
  | 'copilot-jetbrains'
  | 'copilot-studio'
  | 'goose';

export interface Traits {
  /** `client_id` */
  id: string | null;
  name: string | null;
  user_agent: string | null;
}

interface Mark {
  client: Known;
  /** Hosted clients are known by the address of their metadata document. */
  document?: RegExp;
  name?: RegExp;
  agent?: RegExp;
}

/** The first that fits counts, so the narrower stands before the wider. */
const MARKS: readonly Mark[] = [
  {
    client: 'claude-code',
    document: /^https:\/\/claude\.ai\/oauth\/claude-code-client-metadata$/,
    name: /^claude code\b/i,
    agent: /^claude-code\//i,
  },
  {
    client: 'claude',
    document: /^https:\/\/claude\.ai\/oauth\/mcp-oauth-client-metadata$/,
    name: /^claude$/i,
    agent: /^claude-user\b/i,
  },
  // Codex publishes its documents below the host of ChatGPT.
  { client: 'codex', document: /^https:\/\/chatgpt\.com\/oauth\/codex\//, name: /^codex$/i, agent: /^codex-mcp-client\//i },
  { client: 'chatgpt', document: /^https:\/\/chatgpt\.com\/oauth\//, name: /^chatgpt\b/i, agent: /^openai-mcp\b/i },
  {
    client: 'vscode',
    document: /^https:\/\/(?:insiders\.)?vscode\.dev\/oauth\//,
    name: /^visual studio code\b/i,
    agent: /^visual studio code\//i,
  },
  { client: 'cursor', document: /^https:\/\/cursor\.com\/oauth\//, name: /^cursor\b/i, agent: /^cursor\//i },
  { client: 'inspector', name: /^mcp inspector\b/i },
  { client: 'gemini', name: /^gemini cli\b/i, agent: /^gemini-?cli\b/i },
  { client: 'copilot-studio', name: /copilot studio\b/i },
  { client: 'copilot-cli', document: /^https:\/\/github\.com\/copilot\/cli\//, name: /^github copilot cli\b/i, agent: /^github-copilot-cli\b/i },
  // In editors the plugin says no more than this.
  { client: 'copilot-jetbrains', name: /^github copilot$/i },
  { client: 'goose', document: /^https:\/\/goose-docs\.ai\/oauth\//, name: /^goose$/i, agent: /^goose\//i },
  // mcp-remote, which carries the clients that know only programs; it does not say for whom.
  { client: 'bridge', name: /^mcp cli (?:proxy|client)$/i },
];

/** The document first: it is the one thing that is verified. Then the name, then what the requests say. */
export function recognise({ id, name, user_agent }: Traits): Known | null {
  const by = (text: string | null, part: 'document' | 'name' | 'agent') =>
    text === null ? undefined : MARKS.find((mark) => mark[part]?.test(text.trim()));
  if (id?.startsWith('https://')) return by(id, 'document')?.client ?? null;
  return (by(name, 'name') ?? by(user_agent, 'agent'))?.client ?? null;
}
