// A client on one of the TypeScript SDKs. Both share the provider interface; what differs is handed in.

import { Browser } from './browser.mjs';
import { toolAnswer } from './story.mjs';

const REDIRECT = 'http://localhost:8976/callback'; // nobody listens there: the browser stops in front of it

/** Keeps what the SDK asks to keep, in memory, and signs in through a fake browser. */
class Provider {
  kept = {};
  browser = new Browser();

  redirectUrl = REDIRECT;
  clientMetadata = {
    client_name: 'TypeScript client',
    redirect_uris: [REDIRECT],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  };

  state() {
    this.kept.state = crypto.randomUUID();
    return this.kept.state;
  }
  clientInformation = () => this.kept.client;
  saveClientInformation = (client) => void (this.kept.client = client);
  tokens = () => this.kept.tokens;
  saveTokens = (tokens) => void (this.kept.tokens = tokens);
  codeVerifier = () => this.kept.verifier;
  saveCodeVerifier = (verifier) => void (this.kept.verifier = verifier);
  saveDiscoveryState = (state) => void (this.kept.discovery = state);
  discoveryState = () => this.kept.discovery;

  async redirectToAuthorization(url) {
    const back = await this.browser.signIn(url);
    if (back.searchParams.get('state') !== this.kept.state) throw new Error('the state did not come back');
    if (back.searchParams.has('error')) throw new Error(`sign-in failed: ${back.search}`);
    this.callback = back.searchParams;
  }

  invalidateCredentials(scope) {
    if (scope === 'all' || scope === 'client') delete this.kept.client;
    if (scope === 'all' || scope === 'tokens') delete this.kept.tokens;
    if (scope === 'all' || scope === 'discovery') delete this.kept.discovery;
  }
}

/** `sdk` is `{ Client, Transport, options, finish(transport, callbackParameters) }`. */
export function typescriptClient({ Client, Transport, options, finish }) {
  return ({ mcpUrl }) => {
    const provider = new Provider();
    let client;
    return {
      async connect() {
        for (let attempt = 0; attempt < 2; attempt += 1) {
          provider.callback = undefined;
          const transport = new Transport(new URL(mcpUrl), { authProvider: provider });
          client = new Client({ name: 'story', version: '1.0.0' }, options);
          try {
            return await client.connect(transport);
          } catch (error) {
            // Both SDKs give up after sending somebody to the browser; the host finishes and connects again.
            if (!provider.callback) throw error;
            await finish(transport, provider.callback);
          }
        }
        throw new Error('still not connected after signing in');
      },
      tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
      call: async (name) => toolAnswer(await client.callTool({ name, arguments: {} })),
      close: async () => client?.close(),
      // The SDKs look at no clock: they refresh when the server says 401.
      expire: () => void (provider.kept.tokens = { ...provider.kept.tokens, access_token: 'expired' }),
      stored: () => ({ client_id: provider.kept.client.client_id, access_token: provider.kept.tokens.access_token, refresh_token: provider.kept.tokens.refresh_token }),
      signIns: () => provider.browser.signIns,
      person: () => provider.browser.clicked.find((label) => /ada/i.test(label)),
      secrets: () => provider.browser.secrets(),
    };
  };
}
