"""A worker in a process of its own, which a test tells what to do: one JSON array a line.

    python worker.py HOME GROUP KEY LOOP PATIENCE

It answers each command with one line, and says `["heard", message]` for each message it hears.
Contents are given by their size, so that a large one is not in the way of the test.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import threading
from pathlib import Path
from typing import Any

import uvloop

from fastmcp.server.backplane.base import Message, Noted, Published, Resync, Said
from fastmcp.server.backplane.local import LocalBackplane
from fastmcp.server.bus import Bus, ResourceUpdated
from fastmcp.server.session_keys import SessionKeys


def say(*what: Any) -> None:
    print(json.dumps(what), flush=True)


def hear(message: Message) -> None:
    if isinstance(message, Said):
        say("heard", "said", message.session, len(message.message))
    elif isinstance(message, Noted):
        say("heard", "noted", message.session, message.facts)
    elif isinstance(message, Published):
        assert isinstance(message.change, ResourceUpdated)
        say("heard", "published", message.change.uri[:100])
    elif isinstance(message, Resync):
        say("heard", "resync")
    else:
        raise AssertionError(message)


async def obey(bus: Bus, backplane: LocalBackplane, command: str, *given: Any) -> Any:
    if command == "start":
        await backplane.start(hear)
        return backplane.worker
    if command == "send":
        worker, session, size = given
        return await backplane.send(worker, Said(session, b"x" * size))
    if command == "broadcast":
        session, size = given
        return await backplane.broadcast(Said(session, b"x" * size))
    if command == "note":
        session, facts = given
        return await backplane.note(session, facts, 60.0)
    if command == "notes":
        return await backplane.notes(*given)
    if command == "publish":
        return bus.publish(ResourceUpdated(*given))
    if command == "flood":
        count, size = given
        change = ResourceUpdated("x" * size)
        for _ in range(count):
            bus.publish(change)
        return await asyncio.sleep(0)
    if command == "memory":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if command == "stop":
        await backplane.stop()
        return [repr(task) for task in asyncio.all_tasks() - {asyncio.current_task()}]
    raise AssertionError(command)


async def main(home: str, group: str, key: str, patience: str) -> None:
    bus = Bus()
    keys = SessionKeys([key.encode()])
    backplane = LocalBackplane(bus, Path(home), group, keys, float(patience))
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, line)
        loop.call_soon_threadsafe(commands.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    say("ready")
    while line := await commands.get():
        say("done", await obey(bus, backplane, *json.loads(line)))


if __name__ == "__main__":
    *arguments, loop_name, seconds = sys.argv[1:]
    factory = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}[loop_name]
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(*arguments, seconds))
