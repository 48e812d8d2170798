"""What `webbrowser` starts for `BROWSER="python browser.py %s"`: a person who agrees."""

from __future__ import annotations

import sys
import urllib.request
from contextlib import suppress

if __name__ == "__main__":
    # A page of 400 is one too.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with suppress(urllib.error.HTTPError):
        print(opener.open(sys.argv[1], timeout=10).read())
