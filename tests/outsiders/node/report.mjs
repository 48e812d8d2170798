// What every TypeScript client does, written once: plays the whole conversation and reports it.
// `client` is a connected Client of either package; `options` says what differs between them.

const failing = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return { error: error.code, message: error.message };
  }
};

export async function report(client, { handshake, call, url }) {
  const said = { logs: [], progress: [], ...call.shared };
  said.server = client.getServerVersion()?.name;
  said.instructions = client.getInstructions();
  said.tools = (await client.listTools()).tools.map((tool) => tool.name);
  said.resources = (await client.listResources()).resources.map((one) => one.uri);
  said.templates = (await client.listResourceTemplates()).resourceTemplates.map(
    (one) => one.uriTemplate,
  );
  said.prompts = (await client.listPrompts()).prompts.map((one) => one.name);
  const tool = (name, args, options) => call.tool({ name, arguments: args }, options);
  said.add = await tool("add", { a: 2, b: 3 });
  said.person = await tool("person", { name: "Ada" });
  said.fail = await tool("fail", {});
  said.bad = await tool("add", { a: "x", b: 3 });
  said.unknown = await failing(tool("nope", {}));
  said.count = await tool("count", { to: 3 }, {
    onprogress: ({ progress, total, message }) => said.progress.push([progress, total, message]),
  });
  if (handshake) await client.setLoggingLevel("info");
  said.talk = await tool("talk", {});
  said.read = await client.readResource({ uri: "data://greeting" });
  said.user = await client.readResource({ uri: "data://users/ada" });
  said.bytes = await client.readResource({ uri: "data://bytes" });
  said.missing = await failing(client.readResource({ uri: "data://nope" }));
  said.prompt = await client.getPrompt({ name: "review", arguments: { code: "x = 1" } });
  if (handshake) {
    await client.ping();
    said.ask = await tool("ask", {});
    said.think = await tool("think", { prompt: "abc" });
    said.where = await tool("where", {});
  }
  const many = [...Array(20).keys()].map((n) => tool("add", { a: n, b: n }));
  said.parallel = (await Promise.all(many)).map((answer) => answer.structuredContent.result);
  return said;
}

export const person = { name: "Ada", age: 36 };
export const reversed = (text) => [...text].reverse().join("");
export const root = { uri: "file:///home/ada" };
