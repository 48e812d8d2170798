fastmcp run server.py `
  --transport http --port 8207
