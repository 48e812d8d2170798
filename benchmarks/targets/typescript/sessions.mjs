// The handshake era, in sessions or without, wired as both versions' documentation shows it.
import { randomUUID } from "node:crypto";

/** A handler of node:http requests; `make` makes a server, `Transport` is the version's own. */
export function handshake(kind, body, make, Transport) {
  const enableJsonResponse = body === "json";
  const open = new Map();

  async function connected(options) {
    const transport = new Transport({ enableJsonResponse, ...options });
    await make().connect(transport);
    return transport;
  }

  return async (request, response) => {
    if (kind === "stateless") {
      const transport = await connected({ sessionIdGenerator: undefined });
      return transport.handleRequest(request, response);
    }
    const transport =
      open.get(request.headers["mcp-session-id"]) ??
      (await connected({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => open.set(id, transport),
      }));
    return transport.handleRequest(request, response);
  };
}
