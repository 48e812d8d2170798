import uvicorn
from fastmcp import FastMCP
from fastmcp.server.http import create_sse_app

mcp = FastMCP("created")
app = create_sse_app(server=mcp, message_path="/messages/", sse_path="/sse")

if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=8010)
