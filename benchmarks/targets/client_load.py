"""A client under load: `python client_load.py URL MODE`; `memory` is a server in this process.

It connects, and for every line `IN_FLIGHT SECONDS` on its stdin it calls a tool for that long, so
many calls at once, checks every result, and writes what it counted as a line of JSON. It is the
same program for every package whose `fastmcp` is installed beside its interpreter.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time

from fastmcp_server import mcp

from fastmcp import Client


async def load(client: Client, in_flight: int, seconds: float) -> dict[str, float]:
    calls = 0
    end = time.perf_counter() + seconds

    async def one(first: int) -> None:
        nonlocal calls
        number = first
        while number == first or time.perf_counter() < end:
            number += 1
            result = await client.call_tool("add", {"a": number, "b": 1})
            if result.data != number + 1:
                raise SystemExit(f"a wrong answer: {result!r}")
            calls += 1

    gc.collect()
    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(1000 * n) for n in range(in_flight)))
    took = time.perf_counter() - began
    return {"calls": calls, "seconds": took, "busy": (time.process_time() - cpu) / took}


async def main(url: str, mode: str) -> None:
    async with Client(mcp if url == "memory" else url, mode=mode) as client:
        await load(client, 1, 0.2)
        print(json.dumps({"version": client.protocol_version}), flush=True)
        for line in sys.stdin:
            in_flight, seconds = line.split()
            print(json.dumps(await load(client, int(in_flight), float(seconds))), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
