from g14_workers import mcp

app = mcp.http_app(stateless_http=True)
