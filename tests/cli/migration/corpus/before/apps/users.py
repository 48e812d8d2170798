from fastmcp import Client, FastMCP
from fastmcp.client.transports import (
    SSETransport,
    StreamableHttpTransport,
)

mounted = Client(SSETransport("http://localhost:8011/tools/sse"))
created = Client(SSETransport("http://localhost:8010/sse"))
new = Client(StreamableHttpTransport("http://localhost:9999/mcp"))
proxy = FastMCP.as_proxy("http://localhost:8010/sse")
