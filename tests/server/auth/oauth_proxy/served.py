"""A server in front of an upstream: `python served.py PORT UPSTREAM CALLBACK`."""

from __future__ import annotations

import sys

import uvicorn

from fastmcp import FastMCP
from tests.server.auth.oauth.hand import known
from tests.server.auth.oauth_proxy.elsewhere import Elsewhere, proxy

if __name__ == "__main__":
    port, upstream, callback = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    client = known(redirect_uris=[callback])
    base_url = f"http://127.0.0.1:{port}"
    auth = proxy(Elsewhere(url=upstream), base_url=base_url, clients=[client])
    app = FastMCP("proxied", auth=auth).http_app()
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")
