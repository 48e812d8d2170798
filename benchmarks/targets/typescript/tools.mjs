// The tools, on a server of either major version: both have the same `registerTool`.
import { z } from "zod";

const numbers = z.object({ a: z.number().int(), b: z.number().int() });
const outputSchema = z.object({ result: z.number().int() });

/** Registers the tools. `notify` sends a notification from a handler, which differs by version. */
export function withTools(server, notify) {
  const answer = (value) => ({
    content: [{ type: "text", text: String(value) }],
    structuredContent: { result: value },
  });
  const description = "Adds two numbers.";
  server.registerTool("add", { description, inputSchema: numbers, outputSchema }, async ({ a, b }) =>
    answer(a + b),
  );
  server.registerTool(
    "steps",
    { description: "Adds two numbers in ten steps.", inputSchema: numbers, outputSchema },
    async ({ a, b }, context) => {
      for (let progress = 1; progress <= 10; progress++) {
        await notify(context, (progressToken) => ({
          method: "notifications/progress",
          params: { progressToken, progress, total: 10 },
        }));
      }
      return answer(a + b);
    },
  );
  return server;
}
