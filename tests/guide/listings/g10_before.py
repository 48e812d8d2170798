from fastmcp import FastMCP

mcp = FastMCP("MyServer")


@mcp.tool
def hello(name: str) -> str:
    return f"Hello, {name}!"


if __name__ == "__main__":
    mcp.run(transport="sse", host="0.0.0.0", port=8000)
