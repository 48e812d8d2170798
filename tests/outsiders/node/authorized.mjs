// What an application does to be let in by OAuth with the official TypeScript SDK: its provider, and
// the two halves of the flow, before its user is asked and after. Where it keeps things and how its
// user is asked is the caller's: a program and a page in a browser differ in these alone.
import { sdks } from "./sdks.mjs";

class Provider {
  // `kept` has the methods `get`, `set` and `delete` of a Map; `open` brings the user to an address.
  constructor({ redirectUrl, clientMetadataUrl, kept, open }) {
    Object.assign(this, { redirectUrl, clientMetadataUrl, kept });
    this.redirectToAuthorization = (url) => open(url.href);
  }
  get clientMetadata() {
    return {
      client_name: "An application in TypeScript",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }
  state() {
    this.kept.set("state", crypto.randomUUID());
    return this.kept.get("state");
  }
  clientInformation = () => this.kept.get("client");
  saveClientInformation = (said) => this.kept.set("client", said);
  tokens = () => this.kept.get("tokens");
  saveTokens = (said) => this.kept.set("tokens", said);
  codeVerifier = () => this.kept.get("verifier");
  saveCodeVerifier = (said) => this.kept.set("verifier", said);
  discoveryState = () => this.kept.get("discovery");
  saveDiscoveryState = (said) => this.kept.set("discovery", said);
  invalidateCredentials = (scope) => {
    const all = ["client", "tokens", "verifier", "discovery"];
    for (const name of scope === "all" ? all : [scope]) this.kept.delete(name);
  };
}

// An application that talks to one server.
export class Application {
  constructor(version, url, options) {
    Object.assign(this, { version, url, fetch: options.fetch, sdk: sdks[version] });
    this.provider = new Provider(options);
  }

  // Connects; undefined where the user has to be asked, who is being brought there then.
  async connect() {
    this.transport = new this.sdk.StreamableHTTPClientTransport(new URL(this.url), {
      authProvider: this.provider,
      ...(this.fetch && { fetch: this.fetch }),
    });
    const negotiation = this.version === "2" ? { versionNegotiation: { mode: "auto" } } : {};
    const client = new this.sdk.Client({ name: "application", version: "1" }, negotiation);
    try {
      await client.connect(this.transport);
    } catch (error) {
      if (error instanceof this.sdk.UnauthorizedError) return undefined;
      throw error;
    }
    return client;
  }

  // The user is back, at this address.
  async back(address) {
    const said = new URL(address).searchParams;
    if (said.get("state") !== this.provider.kept.get("state")) throw new Error("another's answer");
    this.transport ??= new this.sdk.StreamableHTTPClientTransport(new URL(this.url), {
      authProvider: this.provider,
      ...(this.fetch && { fetch: this.fetch }),
    });
    if (this.version === "2") return await this.transport.finishAuth(said);
    if (said.has("error")) throw new Error(`${said.get("error")}: ${said.get("error_description")}`);
    await this.transport.finishAuth(said.get("code"));
  }
}

export const who = async (client) => (await client.callTool({ name: "who" })).content[0].text;
