// The official TypeScript SDK, major version 2: `node sdk2.mjs PORT KIND BODY`. The header tells the
// eras apart, which costs less than the SDK's own way of looking into a copy of the body.
import { createServer } from "node:http";
import { NodeStreamableHTTPServerTransport, toNodeHandler } from "@modelcontextprotocol/node";
import { McpServer, createMcpHandler } from "@modelcontextprotocol/server";
import { handshake } from "./sessions.mjs";
import { withTools } from "./tools.mjs";

const [port, kind, body] = process.argv.slice(2);
const make = () =>
  withTools(new McpServer({ name: "bench", version: "1" }), (context, notification) =>
    context.mcpReq.notify(notification(context.mcpReq._meta.progressToken)),
  );
const old = handshake(kind, body, make, NodeStreamableHTTPServerTransport);
const stateless = toNodeHandler(createMcpHandler(make, { legacy: "reject" }));
createServer((request, response) =>
  (request.headers["mcp-protocol-version"] === "2026-07-28" ? stateless : old)(request, response),
).listen(port, "127.0.0.1");
