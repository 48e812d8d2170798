from mcp import ClientSession
from mcp.client.sse import sse_client


class Holder:
    async def connect(self, url: str = "http://127.0.0.1:8000/sse"):
        self.context = sse_client(url=url)
        streams = await self.context.__aenter__()
        self.session = ClientSession(*streams)
