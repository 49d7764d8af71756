// The connect cards: for each client the exact steps, where it can reach this server from, and by which sessions it is
// known. Steps are data, so that the page only draws and a test can read every one.

import * as links from './links';
import type { Known } from './recognise';

export interface Addresses {
  /** For clients on this computer. */
  local: string;
  /** For clients elsewhere, where there is one. */
  outside: string | null;
}

export interface GuideStep {
  text: string;
  copy?: { label: string; value: string; multiline?: boolean };
  /** A page of the client's maker. */
  web?: { label: string; href: string };
  /** Starts the client itself. */
  launch?: { label: string; href: string };
}

export interface Way {
  /** Only where there is more than one. */
  title: string | null;
  steps: readonly GuideStep[];
}

export interface Guide {
  client: string;
  name: string;
  /** Where the client runs: one in its maker's cloud cannot reach this computer by a loopback address. */
  reach: 'local' | 'outside' | 'either';
  /** The sessions that turn the card; `null` stands for a client that none of the others knows. */
  known: readonly (Known | null)[];
  /** May be behind mcp-remote, which does not say for whom it came. */
  bridged?: true;
  /** Behind "More clients", until somebody comes with it. */
  more?: true;
  ways(addresses: Addresses): readonly Way[];
}

const SIGN_IN: GuideStep = { text: 'A browser opens. Choose Allow, then sign in.' };
/** mcp-remote does not say for whom it comes. */
const BRIDGE_SIGN_IN: GuideStep = { text: 'A browser opens and asks about “MCP CLI Proxy”: that is mcp-remote, the bridge. Choose Allow, then sign in.' };
const one = (...steps: GuideStep[]): readonly Way[] => [{ title: null, steps }];
const address = (value: string): GuideStep['copy'] => ({ label: 'MCP URL', value });

const claudeConnector = (url: string): readonly GuideStep[] => [
  {
    text: 'Open Connectors in the settings of Claude.',
    web: { label: 'Open Connectors', href: 'https://claude.ai/customize/connectors' },
  },
  { text: 'Choose Add custom connector, give it a name, and paste this address. Leave client ID and secret empty.', copy: address(url) },
  { text: 'Choose Connect. A browser opens: choose Allow, then sign in.' },
];

export const GUIDES: readonly Guide[] = [
  {
    client: 'claude-desktop',
    name: 'Claude Desktop',
    reach: 'either',
    known: ['claude'],
    bridged: true,
    ways: ({ local, outside }) => {
      const bridge: Way = {
        title: outside === null ? null : 'On this computer only',
        steps: [
          { text: 'In Claude Desktop open Settings, Developer, Edit config. The file claude_desktop_config.json shows.' },
          {
            text: 'Put this into the file; if it has "mcpServers" already, add the inner entry to it. It needs Node.js on this computer.',
            copy: { label: 'Entry for claude_desktop_config.json', value: links.desktopFile(local), multiline: true },
          },
          { text: 'Quit Claude Desktop and start it again.' },
          BRIDGE_SIGN_IN,
        ],
      };
      return outside === null ? [bridge] : [{ title: 'As a connector', steps: claudeConnector(outside) }, bridge];
    },
  },
  {
    client: 'claude',
    name: 'Claude on the web',
    reach: 'outside',
    known: ['claude'],
    ways: ({ outside }) => (outside === null ? [] : one(...claudeConnector(outside))),
  },
  {
    client: 'chatgpt',
    name: 'ChatGPT',
    reach: 'outside',
    known: ['chatgpt'],
    ways: ({ outside }) =>
      outside === null
        ? []
        : one(
            {
              text: 'In ChatGPT open Settings, Connectors, Advanced, and switch Developer mode on. In a company workspace its administrator must allow that.',
              web: { label: 'Open ChatGPT', href: 'https://chatgpt.com/#settings/Connectors' },
            },
            { text: 'Back in Connectors choose Create, give it a name, and paste this address. Authentication is OAuth.', copy: address(outside) },
            { text: 'Choose Create. A browser opens: choose Allow, then sign in.' },
            { text: 'In a new chat choose +, then Developer mode, and switch the connector on.' },
          ),
  },
  {
    client: 'claude-code',
    name: 'Claude Code',
    reach: 'local',
    known: ['claude-code'],
    ways: ({ local }) =>
      one(
        { text: 'Add the server in a terminal.', copy: { label: 'command that adds the server', value: links.claudeCommand(local) } },
        {
          text: 'Sign in. Inside Claude Code, /mcp does the same.',
          copy: { label: 'command that signs in', value: links.claudeLogin },
        },
        SIGN_IN,
      ),
  },
  {
    client: 'vscode',
    name: 'Visual Studio Code',
    reach: 'local',
    known: ['vscode'],
    ways: ({ local }) =>
      one(
        {
          text: 'Add the server: open this link, or put the entry below into .vscode/mcp.json.',
          launch: { label: 'Add to Visual Studio Code', href: links.codeLink(local) },
          copy: { label: 'Entry for mcp.json', value: links.codeFile(local), multiline: true },
        },
        { text: 'Choose Start above the entry, and Allow when it asks to sign in to this server.' },
        SIGN_IN,
      ),
  },
  {
    client: 'cursor',
    name: 'Cursor',
    reach: 'local',
    known: ['cursor'],
    ways: ({ local }) =>
      one(
        {
          text: 'Add the server: open this link, or put the entry below into ~/.cursor/mcp.json.',
          launch: { label: 'Add to Cursor', href: links.cursorLink(local) },
          copy: { label: 'Entry for mcp.json', value: links.cursorFile(local), multiline: true },
        },
        { text: 'In the settings of Cursor open MCP, and choose Connect beside the server.' },
        SIGN_IN,
      ),
  },
  {
    client: 'inspector',
    name: 'MCP Inspector',
    reach: 'local',
    known: ['inspector'],
    ways: ({ local }) =>
      one(
        { text: 'Start it in a terminal. It opens in a browser.', copy: { label: 'command that starts it', value: links.inspectorCommand } },
        { text: 'Choose the transport Streamable HTTP and paste this address. Direct and via proxy both work.', copy: address(local) },
        { text: 'Choose Connect. The sign-in opens: choose Allow, then sign in.' },
      ),
  },
  {
    client: 'codex',
    name: 'Codex',
    reach: 'local',
    known: ['codex'],
    more: true,
    ways: ({ local }) =>
      one(
        {
          text: 'Add the server in a terminal. The command line, the editor extension and the desktop app share what it writes.',
          copy: { label: 'command that adds the server', value: links.codexCommand(local) },
        },
        { text: 'It signs in by itself. To sign in later, or again:', copy: { label: 'command that signs in', value: links.codexLogin } },
        SIGN_IN,
      ),
  },
  {
    client: 'gemini',
    name: 'Gemini CLI',
    reach: 'local',
    known: ['gemini'],
    more: true,
    ways: ({ local }) =>
      one(
        { text: 'Add the server in a terminal.', copy: { label: 'command that adds the server', value: links.geminiCommand(local) } },
        { text: 'Start Gemini CLI and type this.', copy: { label: 'command that signs in', value: links.geminiLogin } },
        SIGN_IN,
      ),
  },
  {
    client: 'copilot-cli',
    name: 'GitHub Copilot CLI',
    reach: 'local',
    known: ['copilot-cli'],
    more: true,
    ways: ({ local }) =>
      one(
        {
          text: 'Put this into ~/.copilot/mcp-config.json; if it has "mcpServers" already, add the inner entry to it. In Copilot CLI, /mcp add asks for the same: type HTTP, and this URL.',
          copy: { label: 'Entry for mcp-config.json', value: links.copilotFile(local), multiline: true },
        },
        { text: 'Start Copilot CLI in a terminal.', copy: { label: 'command that starts it', value: 'copilot' } },
        SIGN_IN,
      ),
  },
  {
    client: 'copilot-jetbrains',
    name: 'GitHub Copilot in JetBrains IDEs',
    reach: 'local',
    known: ['copilot-jetbrains'],
    more: true,
    ways: ({ local }) =>
      one(
        { text: 'In the IDE open Settings, Tools, GitHub Copilot, Model Context Protocol (MCP), and choose Configure. The file mcp.json opens.' },
        {
          text: 'Put this into the file; if it has "servers" already, add the inner entry to it. Save it.',
          copy: { label: 'Entry for mcp.json', value: links.jetbrainsFile(local), multiline: true },
        },
        { text: 'Choose Start above the entry.' },
        SIGN_IN,
      ),
  },
  {
    client: 'copilot-studio',
    name: 'Copilot Studio',
    reach: 'outside',
    known: ['copilot-studio'],
    more: true,
    ways: ({ outside }) =>
      outside === null
        ? []
        : one(
            {
              text: 'Open your agent, its page Tools, and choose Add a tool, New tool, Model Context Protocol.',
              web: { label: 'Open Copilot Studio', href: 'https://copilotstudio.microsoft.com' },
            },
            { text: 'Give it a name and a description, and paste this address as its server URL.', copy: address(outside) },
            { text: 'Authentication is OAuth 2.0, its type Dynamic discovery. Choose Create.' },
            { text: 'Create a new connection. A browser opens: choose Allow, then sign in. Then choose Add to agent.' },
          ),
  },
  {
    client: 'goose',
    name: 'Goose',
    reach: 'local',
    known: ['goose'],
    more: true,
    ways: ({ local }) => [
      {
        title: 'In the app',
        steps: [
          { text: 'Open Extensions in the side bar, and choose Add custom extension.' },
          { text: 'Give it a name, choose the type Streamable HTTP, and paste this address as its endpoint.', copy: address(local) },
          { text: 'Choose Add Extension.' },
          SIGN_IN,
        ],
      },
      {
        title: 'In a terminal',
        steps: [
          {
            text: 'Run this, choose Add Extension, then Remote Extension (Streamable HTTP), and give it a name and the same address.',
            copy: { label: 'command that sets Goose up', value: 'goose configure' },
          },
        ],
      },
    ],
  },
  {
    client: 'other',
    name: 'Anything else',
    reach: 'either',
    known: [null],
    bridged: true,
    ways: ({ local, outside }) => [
      {
        title: 'A client that speaks HTTP',
        steps: [
          { text: 'Its transport is Streamable HTTP, its authentication OAuth. Leave client ID and secret empty: it registers itself.', copy: address(local) },
          ...(outside === null ? [] : [{ text: 'From another computer it needs the public address.', copy: { label: 'public MCP URL', value: outside } }]),
        ],
      },
      {
        title: 'A client that only starts programs',
        steps: [
          { text: 'Let it start this bridge. It needs Node.js.', copy: { label: 'command of the bridge', value: links.bridgeCommand(local) } },
          BRIDGE_SIGN_IN,
        ],
      },
    ],
  },
];

/** Why there are no steps yet; `null` if there are. */
export const isOutOfReach = (guide: Guide, { outside }: Addresses): boolean => guide.reach === 'outside' && outside === null;
