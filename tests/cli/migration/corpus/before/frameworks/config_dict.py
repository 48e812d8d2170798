import subprocess

from fastmcp import Client
from fastmcp.client.transports import StdioTransport

config = {
    "mcpServers": {
        "math": {"url": "http://localhost:8000/sse", "transport": "sse"},
        "jira": {"command": "npx", "args": ["-y", "mcp-remote", "https://mcp.atlassian.com/v1/sse"]},
    }
}
client = Client(config)
bridge = StdioTransport(command="mcp-proxy", args=["http://localhost:8000/sse"])
subprocess.Popen(["fastmcp", "run", "server.py", "--transport=sse", "-p", "8030"])
