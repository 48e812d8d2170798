"""`python -m fastmcp` is the command `fastmcp`."""

import sys

from fastmcp.cli import main

if __name__ == "__main__":
    sys.exit(main())
