#!/bin/sh
# fastmcp run server.py --transport sse   (an old line, left as it was)
export FASTMCP_TRANSPORT=sse
FASTMCP_TRANSPORT="sse" uv run fastmcp run server.py
nohup uvx --from fastmcp fastmcp run server.py --transport 'sse' -p 8201 >log 2>&1 &
docker run --rm -e FASTMCP_TRANSPORT=sse -p 8301:8201 tools
python server.py --transport sse
cat > notes.txt <<END
fastmcp run server.py --transport sse
don't touch
END
claude mcp add --transport sse tools http://localhost:8201/sse
gemini mcp add -t sse tools http://localhost:8301/sse
fastmcp list http://localhost:8201/sse --transport sse
fastmcp call http://localhost:8201/sse add a=1 b=2
fastmcp bridge http://localhost:8201/sse --transport sse-first
npx -y mcp-remote@latest https://mcp.linear.app/sse
npx supergateway --stdio "uvx tools" --outputTransport sse
