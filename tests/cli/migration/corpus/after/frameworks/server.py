from fastmcp import FastMCP

FastMCP("math").run(transport="http", port=8000)
