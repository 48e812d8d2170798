"""All that is measured, as a table."""

from __future__ import annotations

from benchmarks.call import Call
from benchmarks.clients import ClientCalls
from benchmarks.memory import Memory
from benchmarks.over_http import Calls, Latency, Workers
from benchmarks.run import Workload
from benchmarks.servers import (
    FASTMCP_4,
    FLOOR,
    MCP_SDK,
    OURS,
    TYPESCRIPT_1,
    TYPESCRIPT_2,
)
from benchmarks.starts import Import, Stdio

EVERYONE = (OURS, FASTMCP_4, MCP_SDK, TYPESCRIPT_1, TYPESCRIPT_2, FLOOR)
NEWEST = (OURS, FASTMCP_4, MCP_SDK, TYPESCRIPT_2, FLOOR)
"""Those that speak 2026-07-28."""
PYTHON = (OURS, FASTMCP_4, MCP_SDK, FLOOR)
FRAMEWORKS = (OURS, FASTMCP_4, FLOOR)
BOTH = (OURS, FASTMCP_4)

SESSION = Call()
STATELESS_2026 = Call(version="2026-07-28", sessions=False)
STATELESS_2025 = Call(sessions=False)
STEPS = Call(tool="steps")
TAKE = Call(tool="take")
GIVE = Call(tool="give")

WORKLOADS: tuple[Workload, ...] = (
    Calls("session/16", "2025-11-25, session", EVERYONE, 16, "stateful", SESSION),
    Calls("session/1", "2025-11-25, session", EVERYONE, 1, "stateful", SESSION),
    Calls("session-json/16", "same, json_response=True", EVERYONE, 16, "json", SESSION),
    Calls("stateless-2026/16", "2026-07-28", NEWEST, 16, "stateful", STATELESS_2026),
    Calls("stateless-2026/1", "2026-07-28", NEWEST, 1, "stateful", STATELESS_2026),
    Calls("stateless-2025/16", "2025-11-25, stateless", EVERYONE, 16, "stateless", STATELESS_2025),
    Calls("stateless-2025/1", "2025-11-25, stateless", EVERYONE, 1, "stateless", STATELESS_2025),
    Calls(
        "protected/16",
        "2025-11-25, JWT",
        FRAMEWORKS,
        16,
        "protected",
        Call(protected=True),
        beside="session/16",
    ),
    Calls(
        "protected-2026/16",
        "2026-07-28, JWT",
        FRAMEWORKS,
        16,
        "protected",
        Call(version="2026-07-28", sessions=False, protected=True),
        beside="stateless-2026/16",
    ),
    Calls("thread/16", "sync tool", PYTHON, 16, "stateful", Call(tool="add_in_thread")),
    Latency("latency/16", "half the load", (OURS, FLOOR), 16, "stateful", SESSION, "session/16"),
    Calls("one-tool/16", "one tool", BOTH, 16, "one-tool", SESSION),
    Calls(
        "thousand-tools/16",
        "1,000 tools",
        BOTH,
        16,
        "thousand-tools",
        SESSION,
        beside="one-tool/16",
    ),
    Calls(
        "middlewares/16",
        "five middlewares",
        BOTH,
        16,
        "middlewares",
        SESSION,
        beside="session/16",
    ),
    Workers("one-worker/16", "one worker", (OURS,), 16, "one-worker", SESSION),
    Workers(
        "two-workers/16",
        "two workers",
        (OURS,),
        16,
        "two-workers",
        SESSION,
        beside="one-worker/16",
    ),
    Calls("progress/16", "10 progress", EVERYONE, 16, "stateful", STEPS),
    Calls("progress/1", "10 progress", EVERYONE, 1, "stateful", STEPS),
    Calls("progress-memory/16", "10 progress, memory store", FRAMEWORKS, 16, "memory", STEPS),
    Calls("progress-redis/16", "10 progress, Redis store", FRAMEWORKS, 16, "redis", STEPS),
    Calls("large-result/1", "10 MB result", FRAMEWORKS, 1, "stateful", GIVE),
    Calls("large-argument/1", "10 MB argument", (OURS, FLOOR), 1, "stateful", TAKE),
    ClientCalls("client/16", "client, 2026-07-28", BOTH, 16, "auto"),
    ClientCalls("client/1", "client, 2026-07-28", BOTH, 1, "auto"),
    ClientCalls("client-session/16", "client, 2025-11-25", BOTH, 16, "legacy"),
    ClientCalls("client-session/1", "client, 2025-11-25", BOTH, 1, "legacy"),
    ClientCalls("client-memory/1", "client, in memory", BOTH, 1, "auto", True),
    Import("server", "import, FastMCP()", BOTH, lines="from fastmcp import FastMCP; FastMCP()"),
    Stdio("stdio", "stdio server", BOTH),
    Import("client-import", "import Client", BOTH, lines="from fastmcp import Client"),
    Memory("memory", "memory", PYTHON[:-1]),
)

QUICK = (
    "session/16",
    "stateless-2026/16",
    "stateless-2025/16",
    "thread/16",
    "latency/16",
    "one-tool/16",
    "thousand-tools/16",
    "middlewares/16",
    "progress/16",
    "large-result/1",
    "large-argument/1",
    "client/16",
    "client-memory/1",
    "server",
    "stdio",
)
"""What `make bench-quick` measures, of ours, FastMCP 4 and the floor."""
