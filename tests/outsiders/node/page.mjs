// A page that is let in by OAuth, at `/?version=1|2&server=URL`. Its user leaves it to decide, and
// comes back to it, so it keeps everything in its tab. When it is done, it is at `/done` and shows its
// report, in which is every answer that it could read.
import { Application, who } from "./authorized.mjs";

const kept = {
  get: (name) => JSON.parse(sessionStorage.getItem(name)) ?? undefined,
  set: (name, value) => sessionStorage.setItem(name, JSON.stringify(value)),
  delete: (name) => sessionStorage.removeItem(name),
};

// `fetch`, and what the page could see of the answer.
async function watched(url, options) {
  const seen = { verb: options?.method ?? "GET", path: new URL(url).pathname };
  const note = () => kept.set("seen", [...(kept.get("seen") ?? []), seen]);
  try {
    const response = await fetch(url, options);
    seen.status = response.status;
    seen.challenge = response.headers.get("WWW-Authenticate");
    return response;
  } finally {
    note();
  }
}

async function visited() {
  const query = new URLSearchParams(location.search);
  if (query.has("server")) kept.set("order", [query.get("version"), query.get("server")]);
  const application = new Application(...kept.get("order"), {
    redirectUrl: `${location.origin}/`,
    kept,
    fetch: watched,
    open: (address) => location.assign(address),
  });
  if (query.has("state")) await application.back(location.href);
  const client = await application.connect();
  if (!client) return undefined; // the page is being left
  const said = await who(client);
  const session = application.transport.sessionId;
  await application.transport.terminateSession();
  await client.close();
  return { said, session };
}

const report = await visited().catch((error) => ({ error: String(error) }));
if (report) {
  document.body.textContent = JSON.stringify({ ...report, seen: kept.get("seen") });
  history.replaceState(null, "", "/done");
}
