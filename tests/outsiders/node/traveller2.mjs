// The TypeScript SDK 2.x client calls a tool that asks: `node traveller2.mjs URL MODE TIMES`.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { asked, travel } from "./travel.mjs";

const [url, mode] = process.argv.slice(2);
const client = new Client(
  { name: "traveller", version: "1.0.0" },
  {
    capabilities: { elicitation: {}, sampling: {} },
    versionNegotiation: { mode: mode === "legacy" || mode === "auto" ? mode : { pin: mode } },
  },
);
client.setRequestHandler("elicitation/create", asked.elicitation);
client.setRequestHandler("sampling/createMessage", asked.sampling);
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
await travel(client);
