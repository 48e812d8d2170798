from fastmcp import FastMCP

mcp = FastMCP("MyServer")


@mcp.tool
def hello(name: str) -> str:
    return f"Hello, {name}!"


app = mcp.http_app()
# Run with: uvicorn app:app --host 0.0.0.0 --port 8000
