// A client of the MCP TypeScript SDK 2.x, which is installed in the folder of the first argument, in the mode that the plan names.

import { createRequire } from "node:module";
import { Received, elicited, play, roots, run, sampled, steps } from "./typescript_steps.mjs";

const require = createRequire(`${process.argv[2]}/`);
const { Client, StreamableHTTPClientTransport } = require("@modelcontextprotocol/client");
const LEVEL = "io.modelcontextprotocol/logLevel";

await run(async (plan) => {
  const received = new Received();
  const legacy = plan.mode === "legacy";
  const capabilities = { sampling: {}, elicitation: {}, roots: {} };
  const options = { capabilities, versionNegotiation: { mode: plan.mode } };
  const client = new Client({ name: "sdk-client", version: "1" }, options);
  client.setRequestHandler("sampling/createMessage", sampled);
  client.setRequestHandler("elicitation/create", elicited);
  client.setRequestHandler("roots/list", roots);
  client.setNotificationHandler("notifications/message", ({ params }) => received.logs.push(params.data.text));
  client.setNotificationHandler("notifications/tools/list_changed", () => received.change(true));
  const requestInit = { headers: { Authorization: `Bearer ${plan.token}` } };
  const transport = new StreamableHTTPClientTransport(new URL(plan.url), { requestInit });
  await client.connect(transport);
  if (legacy) await client.setLoggingLevel("debug");
  const more = legacy ? {} : { _meta: { [LEVEL]: "debug" } };
  const uri = `${plan.base}watched-resource`;
  const found = steps(client, plan, received, (params, given) => client.callTool({ ...params, ...more }, given));
  const results = await play({
    ...found,
    subscription: async () => {
      if (!legacy) {
        const stream = await client.listen({ resourceSubscriptions: [uri] });
        await stream.close();
        return true;
      }
      await client.subscribeResource({ uri });
      await client.unsubscribeResource({ uri });
      return true;
    },
    "change of the tools": async () => {
      const stream = legacy ? undefined : await client.listen({ toolsListChanged: true });
      await client.callTool({ name: plan.tools.test_trigger_tool_change, arguments: {} });
      const changed = await received.changed;
      await stream?.close();
      return changed;
    },
  });
  if (legacy) await transport.terminateSession();
  await client.close();
  return results;
});
