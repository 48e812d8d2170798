// The TypeScript SDK 2.x client, listening to `changing.py`: `node listener.mjs URL`.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const client = new Client(
  { name: "ts-v2", version: "1.0.0" },
  { versionNegotiation: { mode: { pin: "2026-07-28" } } },
);
const heard = [];
let enough;
const both = new Promise((resolve) => (enough = resolve));
const hear = (what) => {
  heard.push(what);
  if (heard.length === 2) enough();
};
client.setNotificationHandler("notifications/tools/list_changed", () => hear("tools"));
client.setNotificationHandler("notifications/resources/updated", ({ params }) => hear(params.uri));

await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
const subscription = await client.listen({
  toolsListChanged: true,
  promptsListChanged: true,
  resourceSubscriptions: ["data://one"],
});
await client.callTool({ name: "grow", arguments: {} });
await client.callTool({ name: "touch", arguments: { uri: "data://two" } });
await client.callTool({ name: "touch", arguments: { uri: "data://one" } });
await both;
await client.callTool({ name: "leave", arguments: {} });
const end = await subscription.closed;
await client.close();
console.log(JSON.stringify({ honored: subscription.honoredFilter, heard, end }));
