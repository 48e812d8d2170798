import uvicorn
from fastmcp import FastMCP

mcp = FastMCP("created")
app = mcp.http_app()

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8010)
