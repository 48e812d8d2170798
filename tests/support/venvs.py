"""Environments of their own for outsiders: the official SDK, and FastMCP itself.

Both own import names that this project owns too (`fastmcp`) or must never import (`mcp`), so
they live in `.cache/venvs/<name>-<hash of the requirements>`, are built once, and are used only
through their own interpreter in another process.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.locks import CACHE, locked

MCP_SDK = ("mcp==2.3.0", "uvicorn>=0.38", "uvloop>=0.21", "httptools>=0.6.4")
"""The official Python SDK, with the HTTP server options of this project beside it."""

FASTMCP_2 = ("fastmcp==2.14.7",)
FASTMCP_3 = ("fastmcp==3.4.11",)
MCP_SDK_1 = ("mcp==1.30.0", "uvicorn>=0.38", "uvloop>=0.21", "httptools>=0.6.4")
"""The last of its first major version, which knows the handshake era alone."""

MCP_SDK_1_9 = ("mcp==1.9.4", "pydantic==2.11.5", "uvicorn>=0.38")
"""One of the time when HTTP+SSE was what people used."""

FASTMCP_4 = ("fastmcp==4.1.2", "uvicorn>=0.38", "uvloop>=0.21", "httptools>=0.6.4")

ENVIRONMENTS = (
    ("mcp-sdk", MCP_SDK),
    ("mcp-sdk-1", MCP_SDK_1),
    ("mcp-sdk-1", MCP_SDK_1_9),
    ("fastmcp-2", FASTMCP_2),
    ("fastmcp-3", FASTMCP_3),
    ("fastmcp-4", FASTMCP_4),
)
"""All that tests ask for."""

_BUILD_SECONDS = 600
_OURS = ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "VIRTUAL_ENV")


def python_of(name: str, requirements: tuple[str, ...]) -> Path:
    """The interpreter of the environment `name` that holds `requirements`, built at need."""
    text = "\n".join((sys.version.split()[0], *requirements))
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    prefix = CACHE / "venvs" / f"{name}-{digest}"
    python = prefix / "bin" / "python"
    done = prefix / ".installed"
    if done.exists():
        return python
    with locked(prefix):
        if done.exists():
            return python
        shutil.rmtree(prefix, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(prefix)])
        _run([str(python), "-m", "pip", "install", "--quiet", *requirements])
        done.write_text(text)
    return python


def environment(**extra: str) -> dict[str, str]:
    """Variables for a process of such an environment: nothing of this one leaks into it."""
    env = {k: v for k, v in os.environ.items() if k not in _OURS}
    env["NO_PROXY"] = env["no_proxy"] = "127.0.0.1,localhost"
    env.update(extra)
    return env


def _run(command: list[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, timeout=_BUILD_SECONDS)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{result.stdout}\n{result.stderr}")
