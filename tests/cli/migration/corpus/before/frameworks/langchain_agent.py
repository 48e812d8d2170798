from langchain_mcp_adapters.client import MultiServerMCPClient

client = MultiServerMCPClient(
    {
        "math": {
            "transport": "sse",  # was the only one
            "url": "http://localhost:8000/sse",
        },
        "weather": {"url": "https://weather.example.com/sse", "transport": "sse"},
        "files": {"command": "python", "args": ["files.py"], "transport": "stdio"},
    }
)
