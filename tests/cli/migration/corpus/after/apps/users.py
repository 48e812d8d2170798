from fastmcp import Client, FastMCP
from fastmcp.client.transports import (
    StreamableHttpTransport,
)

mounted = Client(StreamableHttpTransport("http://localhost:8011/tools/mcp"))
created = Client(StreamableHttpTransport("http://localhost:8010/mcp"))
new = Client(StreamableHttpTransport("http://localhost:9999/mcp"))
proxy = FastMCP.as_proxy("http://localhost:8010/mcp")
