from pydantic_ai import Agent
from pydantic_ai.mcp import MCPServerSSE, MCPServerStdio

server = MCPServerSSE(url='http://localhost:8000/sse')
local = MCPServerStdio('python', args=['-m', 'tools'])
agent = Agent('openai:gpt-4o', toolsets=[server, local])
