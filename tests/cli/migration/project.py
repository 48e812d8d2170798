"""Projects of the corpus, copied for a test."""

from __future__ import annotations

import shutil
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
PROJECTS = sorted(path.name for path in (CORPUS / "before").iterdir())


def copied(name: str, to: Path, port: int | None = None) -> Path:
    """A project as it was before.

    Args:
        port: takes the place of port 8000 in its files.
    """
    folder = to / name
    shutil.copytree(CORPUS / "before" / name, folder)
    if port is not None:
        for path in files_of(folder):
            path.write_text(path.read_text().replace("8000", str(port)))
    return folder


def files_of(folder: Path) -> list[Path]:
    """Every file of a project."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def texts_of(folder: Path) -> dict[str, str]:
    """The text of every file of a project by its name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode() for path in files_of(folder)
    }
