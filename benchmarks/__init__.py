"""How fast a `tools/call` is here, in FastMCP 4 and in the official SDK, against a bare floor.

`make bench` runs everything in one go; see `__main__.py`. `make bench-memory` tells what sessions
and streams cost; see `memory.py`.
"""
