from fastmcp import Client
from fastmcp.client.transports.sse import SSETransport

HOST, PORT = "127.0.0.1", 8001

constant = Client(f"http://localhost:8001/sse")
PORT_OF_OPTIONS = 8002
options = SSETransport(f"http://127.0.0.1:{PORT_OF_OPTIONS}/sse")
stream = SSETransport("http://localhost:8006/stream")
events = SSETransport(url="http://localhost:8005/events", auth="token")
