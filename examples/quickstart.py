"""The smallest server: one tool, served over Streamable HTTP.

python examples/quickstart.py
fastmcp call http://127.0.0.1:8000/mcp hello name=world
"""

from fastmcp import FastMCP

mcp = FastMCP("Quickstart")


@mcp.tool
def hello(name: str) -> str:
    """Greet someone.

    Args:
        name: whom to greet
    """
    return f"Hello, {name}!"


if __name__ == "__main__":
    mcp.run(transport="http", host="127.0.0.1", port=8000)
