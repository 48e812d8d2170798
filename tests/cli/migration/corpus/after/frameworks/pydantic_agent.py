from pydantic_ai import Agent
from pydantic_ai.mcp import MCPServerStreamableHTTP, MCPServerStdio

server = MCPServerStreamableHTTP(url='http://localhost:8000/mcp')
local = MCPServerStdio('python', args=['-m', 'tools'])
agent = Agent('openai:gpt-4o', toolsets=[server, local])
