from fastmcp import Client
from fastmcp.client.transports.http import StreamableHttpTransport

HOST, PORT = "127.0.0.1", 8001

constant = Client(f"http://localhost:8001/mcp")
PORT_OF_OPTIONS = 8002
options = StreamableHttpTransport(f"http://127.0.0.1:{PORT_OF_OPTIONS}/mcp")
stream = StreamableHttpTransport("http://localhost:8006/stream")
events = StreamableHttpTransport(url="http://localhost:8005/events", auth="token")
