// A program that is let in by OAuth: `node oauth.mjs 1|2 URL [--as CLIENT_METADATA_URL] [--listening]`,
// the major version of the TypeScript SDK and the server. It prints each address that its user has to
// open as {"open": ...}, waits for the browser to come back, and at last prints its report.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Application, who } from "./authorized.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { as: { type: "string" }, listening: { type: "boolean" } },
});
const [version, url] = positionals;
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const arrived = Promise.withResolvers();
const listener = createServer((request, response) => {
  if (!request.url.startsWith("/callback?")) return response.writeHead(404).end();
  response.end("You can close this page.");
  arrived.resolve(new URL(request.url, redirectUrl));
});
await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
const redirectUrl = `http://127.0.0.1:${listener.address().port}/callback`;
setTimeout(() => {
  console.error("it waits in vain");
  process.exit(1);
}, 40_000).unref();

const kept = new Map();
let asked = 0;
const open = (address) => {
  asked += 1;
  say({ open: address });
};
// What it was given, and the streams that the handshake era's clients open by themselves, again
// wherever one has ended (2025-11-25, basic/transports, "Listening for Messages from the Server").
let tokens = 0;
let opened = () => {};
async function watched(address, options) {
  const response = await fetch(address, options);
  if (String(address).endsWith("/token") && response.ok) tokens += 1;
  if (String(address) === url && options.method === "GET" && response.ok) opened();
  return response;
}

const application = new Application(version, url, {
  redirectUrl,
  clientMetadataUrl: values.as,
  kept,
  open,
  fetch: watched,
});

// A token that the server does not know any more is renewed, and nobody is asked.
async function renews(client) {
  const before = kept.get("tokens");
  kept.set("tokens", { ...before, access_token: "of-yesterday" });
  const said = await who(client);
  const after = kept.get("tokens");
  return { said, changed: Object.keys(after).filter((name) => after[name] !== before[name]) };
}

// The stream on which it listens ends with its token. It comes back with the next one, and hears.
async function hears(client) {
  const heard = Promise.withResolvers();
  client.setNotificationHandler(application.sdk.toolsChanged, () => heard.resolve(true));
  const listened = async () => tokens > 1 && (await client.callTool({ name: "grow" }));
  opened = () => listened().catch(heard.reject);
  if (version === "2") {
    const listen = async () => {
      const subscription = await client.listen({ toolsListChanged: true });
      await listened();
      await subscription.closed;
    };
    for (const _ of [1, 2, 3]) await Promise.race([listen(), heard.promise]);
  }
  return await heard.promise;
}

const report = {};
try {
  let client = await application.connect();
  if (!client) {
    await application.back(await arrived.promise);
    client = await application.connect();
  }
  report.said = await who(client);
  report.then = await (values.listening ? hears : renews)(client);
  await client.close();
} catch (error) {
  report.error = String(error);
}
report.tokens = tokens;
report.client = kept.get("client");
report.asked = asked;
say(report);
listener.close();
listener.closeAllConnections();
