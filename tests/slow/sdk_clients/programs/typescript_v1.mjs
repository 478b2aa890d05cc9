// A client of the MCP TypeScript SDK 1.x, which is installed in the folder of the first argument.

import { createRequire } from "node:module";
import { Received, elicited, play, roots, run, sampled, steps } from "./typescript_steps.mjs";

const require = createRequire(`${process.argv[2]}/`);
const { Client } = require("@modelcontextprotocol/sdk/client/index.js");
const { StreamableHTTPClientTransport } = require("@modelcontextprotocol/sdk/client/streamableHttp.js");
const schemas = require("@modelcontextprotocol/sdk/types.js");

await run(async (plan) => {
  const received = new Received();
  const capabilities = { sampling: {}, elicitation: {}, roots: {} };
  const client = new Client({ name: "sdk-client", version: "1" }, { capabilities });
  client.setRequestHandler(schemas.CreateMessageRequestSchema, sampled);
  client.setRequestHandler(schemas.ElicitRequestSchema, elicited);
  client.setRequestHandler(schemas.ListRootsRequestSchema, roots);
  client.setNotificationHandler(schemas.LoggingMessageNotificationSchema, ({ params }) => received.logs.push(params.data.text));
  client.setNotificationHandler(schemas.ToolListChangedNotificationSchema, () => received.change(true));
  const requestInit = { headers: { Authorization: `Bearer ${plan.token}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(plan.url), { requestInit }));
  await client.setLoggingLevel("debug");
  const uri = `${plan.base}watched-resource`;
  const found = steps(client, plan, received, (params, options) => client.callTool(params, undefined, options));
  const results = await play({
    ...found,
    subscription: async () => {
      await client.subscribeResource({ uri });
      await client.unsubscribeResource({ uri });
      return true;
    },
    "change of the tools": async () => {
      await client.callTool({ name: plan.tools.test_trigger_tool_change, arguments: {} });
      return received.changed;
    },
  });
  await client.transport.terminateSession();
  await client.close();
  return results;
});
