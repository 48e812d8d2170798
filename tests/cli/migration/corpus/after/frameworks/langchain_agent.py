from langchain_mcp_adapters.client import MultiServerMCPClient

client = MultiServerMCPClient(
    {
        "math": {
            "transport": "streamable_http",  # was the only one
            "url": "http://localhost:8000/mcp",
        },
        "weather": {"url": "https://weather.example.com/sse", "transport": "sse"},
        "files": {"command": "python", "args": ["files.py"], "transport": "stdio"},
    }
)
