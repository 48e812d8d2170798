#!/usr/bin/env bash
set -euo pipefail
# Starts the server; sse until every client has moved.
TRANSPORT=sse

exec "${PYTHON:-python}" -m fastmcp run server.py \
    --transport "$TRANSPORT" --host 127.0.0.1 \
    --port 8000 --no-banner
