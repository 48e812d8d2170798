"""A server that does on its pipes what servers should not do: `python odd_child.py WHAT [FILE]`.

It speaks just enough of the protocol to be connected to. FILE gets a line with the process id of
each process that was started.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

WHAT = sys.argv[1]
FILE = sys.argv[2] if len(sys.argv) > 2 else os.devnull


def started(pid: int) -> None:
    with open(FILE, "a") as file:
        file.write(f"{pid}\n")


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def reply(id: object, **body: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": id, **body}).encode() + b"\n"


def grandchild() -> None:
    code = (
        "import os, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        f"open({FILE!r}, 'a').write(f'{{os.getpid()}}\\n'); time.sleep(600)"
    )
    subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.DEVNULL, stdout=2)


def late(messages: list[dict[str, object]]) -> None:
    """A server of the stateless era."""
    for message in messages:
        if message["method"] == "server/discover":
            versions = ["2026-07-28"]
            result = {"resultType": "complete", "supportedVersions": versions, "capabilities": {}}
            write(reply(message["id"], result=result))
        else:
            write(reply(message["id"], error={"code": -32600, "message": "no handshake here"}))


def answer(message: dict[str, object]) -> None:
    id, method = message["id"], message["method"]
    if WHAT == "late":
        late([message])
    elif method == "initialize":
        result = {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "serverInfo": {"name": "odd", "version": "1"},
        }
        write(reply(id, result=result))
    elif method != "ping":
        write(reply(id, error={"code": -32601, "message": "Method not found"}))
    elif WHAT == "waits":
        pass  # for the client to say that it does not
    elif WHAT == "once":
        sys.exit(7)
    elif WHAT == "deaf":
        time.sleep(600)
    elif WHAT == "real-time":
        os.kill(os.getpid(), signal.SIGRTMIN + 6)
    elif WHAT == "half":
        write(reply(id, result={"text": "x" * 100_000})[:-50_000])
        sys.exit(7)
    elif WHAT == "no-newline":
        write(reply(id, result={})[:-1])
        sys.exit(0)
    elif WHAT == "drip":
        for byte in reply(id, result={"text": "é€"}):
            write(bytes([byte]))
    elif WHAT == "noise":
        write(b"[INFO] \xff\xfe not even text\n" * 50 + b"\n\n" + b'{"a": "message"}\n')
        write(reply(id, result={}))
    elif WHAT == "flood":  # says a lot before it reads on
        note = {"level": "info", "data": "x" * 1000}
        line = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": note})
        write((line + "\n").encode() * 3000)
        write(reply(id, result={}))
    else:
        write(reply(id, result={}))


def main() -> None:
    global WHAT
    started(os.getpid())
    again = WHAT == "once" and os.path.getsize(FILE) > len(f"{os.getpid()}\n")
    if WHAT == "silent" or again:
        time.sleep(600)
    if WHAT in ("stubborn", "family"):
        grandchild()
    if WHAT == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if WHAT == "dies":
        print("warning: of no interest", file=sys.stderr)
        import a_module_that_is_not_there  # noqa: F401
    if WHAT == "late":  # still starting when the first message comes
        late([json.loads(sys.stdin.buffer.readline()) for _ in range(2)])
    for line in sys.stdin.buffer:
        message = json.loads(line)
        if "id" in message:
            answer(message)
        elif WHAT == "waits" and message["method"] == "notifications/cancelled":
            WHAT = "polite"
    while WHAT == "stubborn":
        time.sleep(1)


main()
