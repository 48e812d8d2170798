// The authorization server of the TypeScript SDK's examples: `node authority.mjs PORT RESOURCE`. It asks
// nobody, and gives no refresh tokens.
import { setupAuthServer } from "@modelcontextprotocol/sdk/examples/server/demoInMemoryOAuthProvider.js";

const [port, resource] = process.argv.slice(2);
setupAuthServer({
  authServerUrl: new URL(`http://127.0.0.1:${port}`),
  mcpServerUrl: new URL(resource),
  strictResource: true,
});
