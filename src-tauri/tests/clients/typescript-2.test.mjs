// The TypeScript SDK 2.x in both eras: with the handshake of 2025-11-25, and finding 2026-07-28 by itself.

import { Client, StreamableHTTPClientTransport as Transport } from '@modelcontextprotocol/client';
import { tellStory } from './story.mjs';
import { typescriptClient } from './typescript.mjs';

const finish = (transport, parameters) => transport.finishAuth(parameters); // checks `iss` (RFC 9207)
for (const mode of ['legacy', 'auto']) {
  const options = { versionNegotiation: { mode } };
  tellStory(`TypeScript SDK 2.x, ${mode}`, typescriptClient({ Client, Transport, options, finish }));
}
