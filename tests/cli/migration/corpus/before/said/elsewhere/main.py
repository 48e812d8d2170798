from tools import shared

shared.run("sse", port=8009)
