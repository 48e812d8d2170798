// The official TypeScript clients by their major version, as far as an OAuth client needs them.
import * as two from "@modelcontextprotocol/client";
import { UnauthorizedError } from "@modelcontextprotocol/sdk/client/auth.js";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js";

export const sdks = {
  1: {
    Client,
    StreamableHTTPClientTransport,
    UnauthorizedError,
    toolsChanged: ToolListChangedNotificationSchema,
  },
  2: {
    Client: two.Client,
    StreamableHTTPClientTransport: two.StreamableHTTPClientTransport,
    UnauthorizedError: two.UnauthorizedError,
    toolsChanged: "notifications/tools/list_changed",
  },
};
