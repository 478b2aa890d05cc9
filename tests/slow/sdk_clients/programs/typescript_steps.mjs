// The steps of a client of the TypeScript SDK, for both of its major versions.

export const TIMEOUT = 20_000;

export const sampled = (request) => ({
  role: "assistant",
  model: "none",
  content: { type: "text", text: `answer to ${[request.params.messages[0].content].flat()[0].text}` },
});
export const elicited = () => ({ action: "accept", content: { username: "u", email: "u@example.org" } });
export const roots = () => ({ roots: [{ uri: "file:///work/a", name: "a" }] });

export class Received {
  constructor() {
    this.logs = [];
    this.changed = new Promise((resolve) => (this.change = resolve));
  }
}

// The steps that both versions have, by name; `callTool(params, options)` calls a tool.
export function steps(client, plan, received, callTool) {
  const call = (tool, options) => callTool({ name: plan.tools[tool], arguments: {} }, options);
  const text = async (tool) => (await call(tool)).content.map((part) => part.text).join("");
  const kinds = async (tool) => (await call(tool)).content.map((part) => part.type);
  const contents = async (path) => (await client.readResource({ uri: plan.base + path })).contents;
  const names = async (method, members, key) => {
    const found = [];
    let cursor;
    do {
      const page = await client[method](cursor ? { cursor } : undefined);
      found.push(...page[members].map((entry) => entry[key]));
      cursor = page.nextCursor;
    } while (cursor);
    return found;
  };
  const prompt = async (name) => (await names("listPrompts", "prompts", "name")).find((one) => one.endsWith(name));
  return {
    tools: () => names("listTools", "tools", "name"),
    text: () => text("test_simple_text"),
    image: () => kinds("test_image_content"),
    audio: () => kinds("test_audio_content"),
    "embedded resource": () => kinds("test_embedded_resource"),
    "several kinds": () => kinds("test_multiple_content_types"),
    "error of a tool": async () => (await call("test_error_handling")).isError,
    progress: async () => {
      const seen = [];
      await call("test_progress", { onprogress: ({ progress }) => seen.push(progress) });
      return seen;
    },
    "log messages": async () => {
      await call("test_log_messages");
      return received.logs;
    },
    sampling: () => text("test_sampling"),
    elicitation: () => text("test_elicitation"),
    roots: () => text("test_roots"),
    resources: () => names("listResources", "resources", "uri"),
    templates: () => names("listResourceTemplates", "resourceTemplates", "uriTemplate"),
    "resource of text": () => contents("static-text"),
    "resource of bytes": () => contents("static-binary"),
    "resource of a template": () => contents("template/7/data"),
    prompts: () => names("listPrompts", "prompts", "name"),
    prompt: async () => {
      const given = { name: await prompt("test_prompt_with_arguments"), arguments: { arg1: "one", arg2: "two" } };
      return (await client.getPrompt(given)).messages.map((message) => message.content);
    },
    completion: async () => {
      const ref = { type: "ref/prompt", name: await prompt("test_prompt_with_arguments") };
      return (await client.complete({ ref, argument: { name: "arg1", value: "par" } })).completion.values.slice(0, 2);
    },
  };
}

// Run the steps one after the other; an error is the result of its step.
export async function play(found) {
  const results = {};
  for (const [name, step] of Object.entries(found)) {
    let timer;
    const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error("it took too long")), TIMEOUT)));
    try {
      results[name] = await Promise.race([step(), late]);
    } catch (error) {
      results[name] = { error: `${error.name}: ${error.message}`.slice(0, 300) };
    } finally {
      clearTimeout(timer);
    }
  }
  return results;
}

// Read the plans from stdin, run each, and print the results.
export async function run(main) {
  let input = "";
  for await (const chunk of process.stdin) input += chunk;
  const all = [];
  for (const plan of JSON.parse(input)) {
    try {
      all.push(await main(plan));
    } catch (error) {
      all.push({ connect: { error: `${error.name}: ${error.message}`.slice(0, 300) } });
    }
  }
  process.stdout.write(JSON.stringify(all), () => process.exit(0));
}
