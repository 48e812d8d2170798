// The official TypeScript SDK, major version 1: `node sdk1.mjs PORT KIND BODY`.
import { createServer } from "node:http";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { handshake } from "./sessions.mjs";
import { withTools } from "./tools.mjs";

const [port, kind, body] = process.argv.slice(2);
const make = () =>
  withTools(new McpServer({ name: "bench", version: "1" }), (context, notification) =>
    context.sendNotification(notification(context._meta.progressToken)),
  );
createServer(handshake(kind, body, make, StreamableHTTPServerTransport)).listen(port, "127.0.0.1");
