from agents import Agent
from agents.mcp import MCPServerSse, MCPServerSseParams

params: MCPServerSseParams = {"url": "http://localhost:8000/sse", "headers": {"a": "b"}}
server = MCPServerSse(params=params, name="math", cache_tools_list=True)
inline = MCPServerSse(params={"url": "http://localhost:8000/sse"})
agent = Agent(name="a", mcp_servers=[server, inline])
