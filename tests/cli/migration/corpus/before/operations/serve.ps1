fastmcp run server.py `
  --transport sse --port 8207
