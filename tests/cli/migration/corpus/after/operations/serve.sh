#!/bin/sh
# fastmcp run server.py --transport sse   (an old line, left as it was)
export FASTMCP_TRANSPORT=http
FASTMCP_TRANSPORT="http" uv run fastmcp run server.py
nohup uvx --from fastmcp fastmcp run server.py --transport 'http' -p 8201 >log 2>&1 &
docker run --rm -e FASTMCP_TRANSPORT=http -p 8301:8201 tools
python server.py --transport sse
cat > notes.txt <<END
fastmcp run server.py --transport sse
don't touch
END
claude mcp add --transport http tools http://localhost:8201/mcp
gemini mcp add -t http tools http://localhost:8301/mcp
fastmcp list http://localhost:8201/mcp --transport http
fastmcp call http://localhost:8201/mcp add a=1 b=2
fastmcp bridge http://localhost:8201/mcp --transport http-first
npx -y mcp-remote@latest https://mcp.linear.app/mcp
npx supergateway --stdio "uvx tools" --outputTransport sse
