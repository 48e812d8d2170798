// The TypeScript SDK 1.x calls a tool that asks: `node traveller1.mjs URL legacy TIMES`.
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { asked, travel } from "./travel.mjs";

const client = new Client(
  { name: "traveller", version: "1.0.0" },
  { capabilities: { elicitation: {}, sampling: {} } },
);
client.setRequestHandler(ElicitRequestSchema, asked.elicitation);
client.setRequestHandler(CreateMessageRequestSchema, asked.sampling);
await client.connect(new StreamableHTTPClientTransport(new URL(process.argv[2])));
await travel(client);
