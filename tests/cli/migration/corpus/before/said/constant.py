import fastmcp
from fastmcp import FastMCP

TRANSPORT = "sse"
PORT = 8001

server = FastMCP(name="constant")


def main() -> None:
    print(f"serving on {TRANSPORT}")
    server.run(TRANSPORT, port=PORT)


if __name__ == "__main__":
    main()
