// The leg to the identity provider against a server that is not ours: oidc-provider, a certified OpenID provider, with an
// issuer like Entra's. Only its sign-in page is left out: whoever comes is Ada.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { createServer } from 'node:http';
import { test } from 'node:test';
import Provider from 'oidc-provider';
import { Browser } from './browser.mjs';
import { Engine, freePort, postForm, rpc, signInByHand, temporaryFolder } from './harness.mjs';

const TENANT = 'contoso';
const CLIENT = 'the-proxy';
const SECRET = 'a-secret-of-some-length~1';
const NEXT = 'a-secret-of-some-length~2';

/** A provider at `http://localhost:<port>/contoso/v2.0` that knows one app, as `client` describes it. */
async function provider(t, client) {
  const port = await freePort();
  const path = `/${TENANT}/v2.0`;
  const requests = [];
  const oidc = new Provider(`http://localhost:${port}${path}`, {
    clients: [{ client_id: CLIENT, grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], ...client }],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `${path}/interaction/${interaction.uid}` },
    enabledJWA: { clientAuthSigningAlgValues: ['PS256'] },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'read'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    conformIdTokenClaims: false,
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    cookies: { keys: ['of this test only'] },
    ttl: { Session: 600, Interaction: 600, Grant: 600, AccessToken: 600, IdToken: 600, RefreshToken: 600 },
    findAccount: (_, sub) => ({ accountId: sub, claims: () => ({ sub, name: 'Ada of elsewhere', email: 'ada@elsewhere.example' }) }),
  });
  oidc.on('grant.success', ({ oidc: { params, client: app } }) => requests.push(`${params.grant_type} by ${app.clientAuthMethod ?? app.tokenEndpointAuthMethod}`));
  oidc.on('grant.error', ({ oidc: { params } }, error) => requests.push(`${params?.grant_type ?? 'a request'} refused: ${error.message}`));
  const serve = oidc.callback();
  const server = createServer(async (request, response) => {
    if (request.url.startsWith(`${path}/interaction/`)) return letIn(oidc, request, response);
    if (!request.url.startsWith(`${path}/`)) return response.writeHead(404).end();
    request.originalUrl = request.url;
    request.url = request.url.slice(path.length);
    return serve(request, response);
  });
  await new Promise((resolve) => server.listen(port, 'localhost', resolve));
  t.after(() => (server.closeAllConnections(), server.close()));
  return { authority: `http://localhost:${port}`, requests };
}

/** Signs Ada in and consents to what is asked for. */
async function letIn(oidc, request, response) {
  const { params, session } = await oidc.interactionDetails(request, response);
  const accountId = session?.accountId ?? 'ada';
  const grant = new oidc.Grant({ accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  await oidc.interactionFinished(request, response, { login: { accountId }, consent: { grantId: await grant.save() } });
}

async function engineFor(t, { authority }, port, env, folder = temporaryFolder(t, 'engine')) {
  const settings = { JMOP_ENTRA_TENANT: TENANT, JMOP_ENTRA_CLIENT_ID: CLIENT, ...env };
  return Engine.forTest(t, { folder, practice: false, listen: `127.0.0.1:${port}`, args: ['--entra-authority', authority], env: settings });
}

const refresh = (engine, { refresh_token, client_id }) =>
  postForm(`${engine.base}/token`, { grant_type: 'refresh_token', refresh_token, client_id, resource: `${engine.base}/mcp` });

const callback = (port) => `http://localhost:${port}/auth/callback`;

async function whoami(engine, token) {
  const response = await rpc(engine.mcpUrl, token, 'tools/call', { name: 'get_user_info', arguments: {} });
  assert.equal(response.status, 200);
  return (await response.json()).result.structuredContent;
}

test('a client secret in the body: signed in, called, and refreshed twice with rotating tokens', async (t) => {
  const port = await freePort();
  const there = await provider(t, { client_secret: SECRET, redirect_uris: [callback(port)], token_endpoint_auth_method: 'client_secret_post' });
  const engine = await engineFor(t, there, port, { JMOP_ENTRA_CLIENT_SECRET: SECRET });
  let tokens = await signInByHand(engine.base, { browser: new Browser() });
  assert.equal((await whoami(engine, tokens.access_token)).name, 'Ada of elsewhere');
  for (const _ of [1, 2]) tokens = { ...tokens, ...(await refresh(engine, tokens)) };
  assert.equal((await whoami(engine, tokens.access_token)).name, 'Ada of elsewhere');
  assert.deepEqual(there.requests, ['authorization_code by client_secret_post', ...Array(2).fill('refresh_token by client_secret_post')]);
});

test('the next secret takes over when the provider knows only that one', async (t) => {
  const port = await freePort();
  const there = await provider(t, { client_secret: NEXT, redirect_uris: [callback(port)], token_endpoint_auth_method: 'client_secret_post' });
  const engine = await engineFor(t, there, port, { JMOP_ENTRA_CLIENT_SECRET: SECRET, JMOP_ENTRA_NEXT_CLIENT_SECRET: NEXT });
  const tokens = await signInByHand(engine.base, { browser: new Browser() });
  await refresh(engine, tokens);
  const [refused, ...rest] = there.requests;
  assert.match(refused, /refused/);
  assert.deepEqual(rest, ['authorization_code by client_secret_post', 'refresh_token by client_secret_post']);
});

test('a certificate made by the console proves us by private_key_jwt with PS256', async (t) => {
  const port = await freePort();
  const folder = temporaryFolder(t, 'engine');
  const maker = await Engine.forTest(t, { folder, console: '127.0.0.1:0' });
  const [{ pem, thumbprint }] = await maker.command('make_certificate');
  const certificate = new X509Certificate(pem);
  assert.equal(certificate.fingerprint.replaceAll(':', ''), thumbprint);
  assert.ok(certificate.verify(certificate.publicKey), 'it is signed by its own key');
  assert.equal(await maker.stop(), 0);

  const key = { ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig', alg: 'PS256' };
  const there = await provider(t, {
    redirect_uris: [callback(port)],
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'PS256',
    jwks: { keys: [key] },
  });
  const engine = await engineFor(t, there, port, { JMOP_ENTRA_CREDENTIAL: 'certificate' }, folder);
  const tokens = await signInByHand(engine.base, { browser: new Browser() });
  assert.equal((await whoami(engine, tokens.access_token)).name, 'Ada of elsewhere');
  await refresh(engine, tokens);
  assert.deepEqual(there.requests, ['authorization_code by private_key_jwt', 'refresh_token by private_key_jwt']);
});
