"""`fastmcp migrate`: from HTTP+SSE to Streamable HTTP, in the files of a project.

What is sure is rewritten, and shown as a diff first; what is not is listed with its place
(`migration/__init__.py`). Exit codes: 0 done or nothing to do, 1 there is something to change
(`--check`), 2 something could not be read or written.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from fastmcp.cli.errors import CliError
from fastmcp.cli.migration.endpoints import Endpoint, Endpoints
from fastmcp.cli.migration.files import why, write_file
from fastmcp.cli.migration.plan import Plan, make_plan
from fastmcp.cli.migration.report import as_json, for_people

__all__ = ["migrate"]


def migrate(
    *paths: Path,
    write: Annotated[bool, Parameter(negative="")] = False,
    check: Annotated[bool, Parameter(negative="")] = False,
    json: Annotated[bool, Parameter(negative="")] = False,
    sse_url_to: Annotated[list[str] | None, Parameter(negative="")] = None,
    endpoints: Path | None = None,
) -> int:
    """Rewrite servers, clients, command lines and configurations to Streamable HTTP.

    Args:
        paths: files and folders; those of one project together, because a client is rewritten
            only where its server is known to move.
        write: change the files; without it, only show what would change.
        check: exit with 1 if something would change, for CI.
        json: print one JSON object instead of a diff.
        sse_url_to: FROM=TO, a server of yours that moves; one * in each stands for the same text.
            May be repeated.
        endpoints: a file with more hosted endpoints, of the form of the table that is built in.
    """
    if not paths:
        raise CliError("Name what to migrate: fastmcp migrate .", 2)
    if write and check:
        raise CliError("--write changes files, --check only looks: use one of them.", 2)
    plan = make_plan(paths, Endpoints(_own(sse_url_to or [], endpoints)))
    written = _write(plan) if write else []
    if json:
        print(as_json(plan, written))
    else:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        for line in for_people(plan, written, colour, write):
            print(line)
    if plan.errors:
        return 2
    return 1 if check and any(change.changed for change in plan.changes) else 0


def _own(pairs: list[str], file: Path | None) -> list[Endpoint]:
    """The endpoints that the command line names.

    Raises:
        CliError: they are not what they should be.
    """
    try:
        own = [Endpoints.pair(text) for text in pairs]
    except ValueError as error:
        raise CliError(f"--sse-url-to {error}.", 2) from None
    if file is None:
        return own
    try:
        return [*own, *Endpoints.read(file.read_text("utf-8"), str(file))]
    except OSError as error:
        raise CliError(f"--endpoints {file}: {error.strerror}.", 2) from None
    except ValueError as error:
        raise CliError(f"--endpoints {error}.", 2) from None


def _write(plan: Plan) -> list[str]:
    """Write what changes; what cannot be written is one of the plan's errors."""
    written: list[str] = []
    for change in plan.changes:
        if not change.changed:
            continue
        try:
            write_file(change.file, change.text)
        except OSError as error:
            plan.errors.append((change.name, why(error)))
        else:
            written.append(change.name)
    return written
