from tools import shared

shared.run("http", port=8009)
