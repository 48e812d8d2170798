from fastmcp import FastMCP

mcp = FastMCP("MyServer")


@mcp.tool
def hello(name: str) -> str:
    return f"Hello, {name}!"


app = mcp.http_app(path="/api/mcp/")
