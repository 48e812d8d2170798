// A program that is let in by OAuth: `node oauth.mjs 1|2 URL [CLIENT_METADATA_URL]`, the major version
// of the TypeScript SDK and the server. It prints each address that its user has to open as
// {"open": ...}, waits for the browser to come back, and at last prints its report.
import { createServer } from "node:http";
import { Application, who } from "./authorized.mjs";

const [version, url, clientMetadataUrl] = process.argv.slice(2);
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const arrived = Promise.withResolvers();
const listener = createServer((request, response) => {
  if (!request.url.startsWith("/callback?")) return response.writeHead(404).end();
  response.end("You can close this page.");
  arrived.resolve(new URL(request.url, redirectUrl));
});
await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
const redirectUrl = `http://127.0.0.1:${listener.address().port}/callback`;
setTimeout(() => arrived.reject(new Error("nobody came back")), 40_000).unref();

const kept = new Map();
const asked = [];
const open = (address) => {
  asked.push(address);
  say({ open: address });
};
const application = new Application(version, url, { redirectUrl, clientMetadataUrl, kept, open });
const report = {};
try {
  let client = await application.connect();
  if (!client) {
    await application.back(await arrived.promise);
    client = await application.connect();
  }
  report.said = [await who(client)];
  report.session = application.transport.sessionId;
  // A token that the server does not know any more is refreshed, and nobody is asked.
  const before = kept.get("tokens");
  kept.set("tokens", { ...before, access_token: "of-yesterday" });
  report.said.push(await who(client));
  const after = kept.get("tokens");
  report.rotated = [after.access_token !== before.access_token, after.refresh_token !== before.refresh_token];
  await client.close();
} catch (error) {
  report.error = String(error);
}
report.client = kept.get("client");
report.asked = asked.length;
say(report);
listener.close();
listener.closeAllConnections();
