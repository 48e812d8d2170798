from fastmcp import FastMCP

MODE = "sse"
mcp = FastMCP("compared")

if MODE == "sse":
    print("remember the buffering of your proxy")
mcp.run(transport=MODE, port=8007)
