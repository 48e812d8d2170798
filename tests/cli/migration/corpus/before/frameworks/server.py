from fastmcp import FastMCP

FastMCP("math").run(transport="sse", port=8000)
