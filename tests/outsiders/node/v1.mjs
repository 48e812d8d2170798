// The TypeScript SDK 1.x: `node v1.mjs URL [sse]`. It speaks the handshake era, over Streamable HTTP
// or over HTTP+SSE.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
} from "@modelcontextprotocol/sdk/types.js";
import { person, report, reversed, root } from "./report.mjs";

const url = process.argv[2];
const client = new Client(
  { name: "ts-v1", version: "1.0.0" },
  { capabilities: { elicitation: {}, sampling: {}, roots: {} } },
);
const logs = [];
client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
  logs.push([params.level, params.data]);
});
client.setRequestHandler(ElicitRequestSchema, async () => ({ action: "accept", content: person }));
client.setRequestHandler(CreateMessageRequestSchema, async ({ params }) => ({
  role: "assistant",
  model: "mock",
  content: { type: "text", text: reversed(params.messages[0].content.text) },
}));
client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [root] }));

const old = process.argv[3] === "sse";
const transport = new (old ? SSEClientTransport : StreamableHTTPClientTransport)(new URL(url));
await client.connect(transport);
const said = await report(client, {
  handshake: true,
  call: {
    shared: {
      protocolVersion: old ? transport._protocolVersion : transport.protocolVersion,
      sessionId: transport.sessionId,
      logs,
    },
    tool: (params, options) => client.callTool(params, undefined, options),
  },
});
if (!old) await transport.terminateSession();
await client.close();
console.log(JSON.stringify(said));
