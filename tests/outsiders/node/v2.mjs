// The TypeScript SDK 2.x client: `node v2.mjs URL MODE`, MODE `legacy`, `auto` or a version to pin.
// Instead of a URL, a JSON list of words is a command that speaks stdio.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { person, report, reversed, root } from "./report.mjs";

const [url, mode] = process.argv.slice(2);
const handshake = mode === "legacy";
const capabilities = handshake ? { elicitation: {}, sampling: {}, roots: {} } : {};
const client = new Client(
  { name: "ts-v2", version: "1.0.0" },
  {
    capabilities,
    versionNegotiation: { mode: handshake || mode === "auto" ? mode : { pin: mode } },
  },
);
const logs = [];
client.setNotificationHandler("notifications/message", ({ params }) => {
  logs.push([params.level, params.data]);
});
if (handshake) {
  client.setRequestHandler("elicitation/create", async () => ({
    action: "accept",
    content: person,
  }));
  client.setRequestHandler("sampling/createMessage", async ({ params }) => ({
    role: "assistant",
    model: "mock",
    content: { type: "text", text: reversed(params.messages[0].content.text) },
  }));
  client.setRequestHandler("roots/list", async () => ({ roots: [root] }));
}

const words = url.startsWith("[") ? JSON.parse(url) : null;
const transport = words
  ? new StdioClientTransport({ command: words[0], args: words.slice(1) })
  : new StreamableHTTPClientTransport(new URL(url));
await client.connect(transport);
const said = await report(client, {
  handshake,
  call: {
    shared: { protocolVersion: client.getNegotiatedProtocolVersion(), logs },
    tool: (params, options) => client.callTool(params, options),
  },
});
if (handshake && !words) await transport.terminateSession();
await client.close();
console.log(JSON.stringify(said));
