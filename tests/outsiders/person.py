"""A person at Chromium who agrees to what they are asked, as the variable BROWSER of a client:
`python -m tests.outsiders.person URL`."""

from __future__ import annotations

import sys
from urllib.parse import parse_qs, urlsplit

from tests.support.browser import decide

if __name__ == "__main__":
    (callback,) = parse_qs(urlsplit(sys.argv[1]).query)["redirect_uri"]
    decide(sys.argv[1], "approve", callback)
