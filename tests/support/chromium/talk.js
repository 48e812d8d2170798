// What a page does with a server of another origin, in either era, and all that it can see of it.
async (url, stateless, name) => {
  const seen = { statuses: [] };
  const send = async (method, headers, message) => {
    const response = await fetch(url, {
      method,
      headers: { Accept: "application/json, text/event-stream", ...headers },
      body: message && JSON.stringify({ jsonrpc: "2.0", ...message }),
    });
    seen.statuses.push(response.status);
    return response;
  };
  const json = { "Content-Type": "application/json" };
  const client = { name: "page", version: "1" };
  const call = { id: 2, method: "tools/call", params: { name: "hello", arguments: { name } } };
  try {
    let headers;
    if (stateless) {
      const version = "2026-07-28";
      const meta = "io.modelcontextprotocol/";
      headers = { "MCP-Protocol-Version": version, "Mcp-Method": call.method, "Mcp-Name": "hello" };
      headers["Mcp-Param-Anything"] = "x";
      call.params._meta = {
        [`${meta}protocolVersion`]: version,
        [`${meta}clientInfo`]: client,
        [`${meta}clientCapabilities`]: {},
      };
    } else {
      const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: client };
      const opened = await send("POST", json, { id: 1, method: "initialize", params });
      seen.session = opened.headers.get("Mcp-Session-Id");
      const { result } = await opened.json();
      headers = { "Mcp-Session-Id": seen.session, "MCP-Protocol-Version": result.protocolVersion };
      await send("POST", { ...json, ...headers }, { method: "notifications/initialized" });
    }
    const called = await send("POST", { ...json, ...headers }, call);
    seen.said = (await called.json()).result.content[0].text;
    if (!stateless) await send("DELETE", headers);
  } catch (error) {
    seen.error = String(error);
  }
  return seen;
}
