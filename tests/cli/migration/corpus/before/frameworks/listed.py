from agno.tools.mcp import MCPTools

tools = MCPTools(url="http://localhost:8000/sse", transport="sse")
