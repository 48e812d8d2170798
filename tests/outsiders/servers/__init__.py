"""Servers that others' libraries make, for the client of this project: each file is run by an
interpreter of its own, as `FILE PORT` (HTTP, and HTTP+SSE beside it) or `FILE stdio`."""
