"""Layouts as they are found, before and after: nothing but what is meant changes, and only once."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastmcp.cli.migration.endpoints import Endpoints
from fastmcp.cli.migration.plan import make_plan
from fastmcp.cli.migration.report import diff_of
from tests.cli.migration.project import CORPUS, PROJECTS, copied, texts_of

FILES = [f"{name}/{file}" for name in PROJECTS for file in texts_of(CORPUS / "before" / name)]

LISTED: dict[str, list[tuple[str, int, str]]] = {
    "apps": [
        ("inline.py", 6, "its parent must run it"),
        ("nginx.conf", 3, "location /sse {"),
        ("nginx.conf", 7, "location /messages/ {"),
    ],
    "configurations": [
        (".gemini/settings.json", 7, "https://example.com/stream"),
        (".mcp.json", 2, "https://mcp.asana.com/sse has ended"),
        ("claude_desktop_config.json", 32, "https://tools.example.com/sse"),
        ("mcp.json", 5, "https://tools.example.com/sse"),
    ],
    "containers": [
        ("Dockerfile", 11, "A request to http://localhost:9000/sse"),
        ("docker-compose.yml", 8, "A request to http://localhost:8000/sse"),
        ("docker-compose.yml", 24, "FASTMCP_MESSAGE_PATH has no meaning"),
        ("docker-compose.yml", 32, "what reads it is not known"),
        ("docker-compose.yml", 37, "no server in these files is known to be at http://unknown"),
    ],
    "frameworks": [
        ("langchain_agent.py", 9, "https://weather.example.com/sse"),
        ("listed.py", 3, "A client of HTTP+SSE"),
    ],
    "operations": [
        (".env", 5, "what reads it is not known"),
        (".github/workflows/ci.yml", 13, "A request to http://localhost:8204/sse"),
        ("Makefile", 2, "OTHER is the transport of a command, and is set or used elsewhere"),
        ("serve.sh", 7, "sse is the transport of something that is not known here"),
        ("serve.sh", 18, "supergateway serves HTTP+SSE"),
        ("tools.service", 10, "A request to http://127.0.0.1:8200/sse"),
    ],
    "said": [
        ("compared.py", 3, "sse is one choice"),
        ("compared.py", 6, "is compared with"),
        ("compared.py", 8, "MODE says it, and is used elsewhere too"),
        ("elsewhere/strange.py", 3, "whose server this is cannot be told"),
        ("undecided.py", 9, "sse is one choice"),
        ("undecided.py", 13, "a variable of the environment says the transport"),
        ("undecided.py", 15, "the transport is not written here"),
    ],
    "sdk1": [
        ("held.py", 6, "A URL of HTTP+SSE"),
        ("held.py", 7, "what is done with them cannot be followed"),
        ("low_level.py", 7, "through the SDK's own parts"),
        ("mounted.py", 6, "its parent must run it"),
    ],
    "sdk2": [("headers.py", 5, "its headers and time limits belong to an HTTP client of its own")],
}
"""What is left for a person: file, line, and what is said of it."""


def test_the_corpus_is_large():
    assert len(FILES) >= 40
    after = {f"{name}/{file}" for name in PROJECTS for file in texts_of(CORPUS / "after" / name)}
    assert after == set(FILES)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = copied(name, tmp_path)
    monkeypatch.chdir(folder)
    plan = make_plan([Path()], Endpoints())
    assert plan.errors == []
    became = texts_of(folder) | {change.name: change.text for change in plan.changes}
    assert became == texts_of(CORPUS / "after" / name)
    notes = sorted(
        (change.name, note.line, note.reason) for change in plan.changes for note in change.notes
    )
    wanted = sorted(LISTED.get(name, []))
    assert [note[:2] for note in notes] == [note[:2] for note in wanted]
    for (_, _, reason), (_, _, part) in zip(notes, wanted, strict=True):
        assert part in reason


@pytest.mark.parametrize("name", PROJECTS)
def test_what_was_migrated_is_left_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(CORPUS / "after" / name)
    plan = make_plan([Path()], Endpoints())
    assert [diff_of(change) for change in plan.changes if change.changed] == []


@pytest.mark.parametrize("file", FILES)
def test_only_lines_that_speak_of_the_transport_change(file: str):
    """Whatever has nothing to do with it is the same, comments and indentation too."""
    about = ("sse", "_path", "streams")
    before = (CORPUS / "before" / file).read_text().splitlines()
    after = (CORPUS / "after" / file).read_text().splitlines()
    kept = [line for line in before if not any(word in line.lower() for word in about)]
    assert [line for line in kept if line not in after] == []
