"""`fastmcp version`, with and without another owner of the import package."""

from __future__ import annotations

import importlib.metadata
import platform
from pathlib import Path

from tests.cli.conftest import Command


def test_versions(fastmcp: Command):
    done = fastmcp("version")
    assert done.returncode == 0
    assert importlib.metadata.version("fastmcp-streamline") in done.stdout
    assert "2026-07-28, 2025-11-25" in done.stdout
    assert platform.python_version() in done.stdout
    assert "Warning" not in done.stdout


def test_another_owner_is_named(fastmcp: Command, tmp_path: Path):
    """A distribution's metadata is enough: that is what an installation leaves behind."""
    info = tmp_path / "site" / "fastmcp_slim-9.9.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fastmcp-slim\nVersion: 9.9\n")
    (info / "RECORD").write_text("fastmcp/__init__.py,,\n")
    done = fastmcp("version", env={"PYTHONPATH": str(tmp_path / "site")})
    assert done.returncode == 0
    assert "fastmcp-slim in this environment also owns the import package fastmcp" in done.stdout
    assert "pip uninstall fastmcp-slim" in done.stdout
