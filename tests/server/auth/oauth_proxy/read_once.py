"""Makes proxies whose upstream a thread serves, as a program does that is about to start."""

from __future__ import annotations

import gc
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from fastmcp.server.auth import OIDCProxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # it keeps connections

    def do_GET(self) -> None:
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        body = json.dumps({"issuer": URL, **{name: f"{URL}/{name}" for name in names}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given: object) -> None:
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
URL = f"http://127.0.0.1:{server.server_port}"
threading.Thread(target=server.serve_forever, daemon=True).start()
for _ in range(3):
    OIDCProxy(
        config_url=f"{URL}/.well-known/openid-configuration",
        client_id="a",
        client_secret="b",
        base_url="http://127.0.0.1:8000",
    )
    gc.collect()
    print("made", flush=True)
server.shutdown()
