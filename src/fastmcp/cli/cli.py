"""The commands, and the one place where an error becomes a sentence and an exit code.

A command's module is named as text and imported when that command runs, so `fastmcp version`
pays neither for the server nor for the client.

Exit codes: 0 done; 1 it did not work; 2 the command line is wrong; 130 interrupted.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import traceback
from collections.abc import Sequence

import cyclopts

from fastmcp.cli.errors import CliError, describe

__all__ = ["app", "main"]

_INTERRUPTED = 130

app = cyclopts.App(
    name="fastmcp",
    help="Run MCP servers, and talk to them.",
    version=lambda: importlib.metadata.version("fastmcp-streamline"),
)
app.command(
    "fastmcp.cli.run:run", name="run", help="Run a server: a file, an object, a module, or a proxy."
)
app.command("fastmcp.cli.client:list_", name="list", help="List what a server offers.")
app.command(
    "fastmcp.cli.client:call", name="call", help="Call a tool, read a resource, get a prompt."
)
app.command(
    "fastmcp.cli.bridge:bridge",
    name="bridge",
    help="Stand between a client that only speaks stdio and a server at a URL.",
)
app.command(
    "fastmcp.cli.nginx:nginx", name="nginx", help="Print an nginx configuration for a server."
)
app.command(
    "fastmcp.cli.doctor:doctor",
    name="doctor",
    help="Examine a server, and say what to mend.",
)
app.command(
    "fastmcp.cli.migrate:migrate",
    name="migrate",
    help="Rewrite a project from HTTP+SSE to Streamable HTTP.",
)
tasks = cyclopts.App(name="tasks", help="Background tasks.")
tasks.command(
    "fastmcp.cli.tasks:worker", name="worker", help="Run a server's tasks, and serve nobody."
)
app.command(tasks)
cimd = cyclopts.App(name="cimd", help="The document that says what an OAuth client is.")
cimd.command("fastmcp.cli.cimd:create", name="create", help="Write the document of a client.")
cimd.command(
    "fastmcp.cli.cimd:validate", name="validate", help="Fetch one, and say what is wrong with it."
)
auth = cyclopts.App(name="auth", help="What authorization needs beforehand.")
auth.command(cimd)
app.command(auth)
app.command("fastmcp.cli.version:version", name="version", help="Versions, for a bug report.")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return the exit code.

    Args:
        argv: the words after `fastmcp`; default those of the process.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = app(words, exit_on_error=False, print_error=False, result_action="return_value")
    except cyclopts.CycloptsError as error:
        return _fail(words, " ".join(str(error).split()), 2)
    except CliError as error:
        return _fail(words, str(error), error.code)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone; the interpreter must not fail on its last flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        return _fail(words, describe(error), 1)
    return code if isinstance(code, int) else 0


def _fail(words: Sequence[str], message: str, code: int) -> int:
    if _wants_debug(words):
        traceback.print_exc()
    print(f"fastmcp: {message}", file=sys.stderr)
    return code


def _wants_debug(words: Sequence[str]) -> bool:
    levels = [os.environ.get("FASTMCP_LOG_LEVEL", "")]
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word in ("--log-level", "-l"):
            levels.append(following)
        elif word.startswith("--log-level="):
            levels.append(word.partition("=")[2])
    return levels[-1].upper() == "DEBUG"
