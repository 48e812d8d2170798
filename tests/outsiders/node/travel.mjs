// What a traveller answers, and the calls it makes, whichever package its client is of.

export const asked = {
  elicitation: async ({ params }) => ({
    action: "accept",
    content: { value: params.message.startsWith("Where") ? "Oslo" : "yes" },
  }),
  sampling: async ({ params }) => ({
    role: "assistant",
    model: "mock",
    content: { type: "text", text: `a boat (${[params.messages[0].content].flat()[0].text})` },
  }),
};

export async function travel(client) {
  const days = [...Array(Number(process.argv[4])).keys()];
  const call = (day) => client.callTool({ name: "plan_trip", arguments: { days: day } });
  const answers = await Promise.all(days.map(call));
  await client.close();
  console.log(JSON.stringify(answers.map((answer) => answer.content[0].text)));
}
