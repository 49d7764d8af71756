// A reverse proxy that adds a bearer token: lets tools that know no OAuth reach a server that asks for it.
// It passes a foreign Host or Origin on as it came, because some of those tools test exactly that.

import { createServer, request } from 'node:http';

/** Listens on a free loopback port; resolves to `{ url, close }`, where `url` stands for `target`. */
export async function bearerProxy(target, token) {
  const to = new URL(target);
  const server = createServer((incoming, outgoing) => {
    const own = `:${server.address().port}`;
    const headers = { ...incoming.headers, authorization: `Bearer ${token}` };
    if (headers.host?.endsWith(own)) headers.host = to.host;
    if (headers.origin?.endsWith(own)) headers.origin = to.origin;
    const onward = request({ host: '127.0.0.1', port: to.port, path: incoming.url, method: incoming.method, headers, setHost: false }, (response) => {
      outgoing.writeHead(response.statusCode, response.headers);
      response.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://localhost:${server.address().port}${to.pathname}`, close };
}
