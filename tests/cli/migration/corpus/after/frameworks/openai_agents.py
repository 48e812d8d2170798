from agents import Agent
from agents.mcp import MCPServerStreamableHttp, MCPServerStreamableHttpParams

params: MCPServerStreamableHttpParams = {"url": "http://localhost:8000/mcp", "headers": {"a": "b"}}
server = MCPServerStreamableHttp(params=params, name="math", cache_tools_list=True)
inline = MCPServerStreamableHttp(params={"url": "http://localhost:8000/mcp"})
agent = Agent(name="a", mcp_servers=[server, inline])
