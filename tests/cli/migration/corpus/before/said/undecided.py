import argparse
import os

from fastmcp import FastMCP

mcp = FastMCP("undecided")

parser = argparse.ArgumentParser()
parser.add_argument("--transport", choices=["stdio", "sse"], default="sse")

if __name__ == "__main__":
    if os.environ.get("FROM_ENV"):
        mcp.run(transport=os.getenv("MCP_TRANSPORT", "sse"))
    else:
        mcp.run(transport=parser.parse_args().transport)
