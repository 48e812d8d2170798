import subprocess

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

config = {
    "mcpServers": {
        "math": {"url": "http://localhost:8000/mcp", "transport": "http"},
        "jira": {"command": "npx", "args": ["-y", "mcp-remote", "https://mcp.atlassian.com/v1/mcp"]},
    }
}
client = Client(config)
bridge = StdioTransport(command="mcp-proxy", args=["--transport=streamablehttp", "http://localhost:8000/mcp"])
subprocess.Popen(["fastmcp", "run", "server.py", "--transport=http", "-p", "8030"])
