"""The command line. `main` is the console script, `app` the cyclopts application behind it."""

from fastmcp.cli.cli import app, main

__all__ = ["app", "main"]
