// The TypeScript SDK 1.x: what Inspector, Cursor and many others are built on. Speaks 2025-11-25.

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as Transport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { tellStory } from './story.mjs';
import { typescriptClient } from './typescript.mjs';

const finish = (transport, parameters) => transport.finishAuth(parameters.get('code'));
tellStory('TypeScript SDK 1.x', typescriptClient({ Client, Transport, finish }));
