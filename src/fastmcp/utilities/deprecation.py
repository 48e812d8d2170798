"""What is deprecated is told to whoever wrote it: the warning points at their line, not at ours."""

from __future__ import annotations

import inspect
import warnings
from types import FrameType
from typing import Final

from fastmcp.exceptions import FastMCPDeprecationWarning
from fastmcp.settings import get_settings

__all__ = ["deprecated"]

_NOT_THEIRS: Final = frozenset(("fastmcp", "asyncio"))
"""Packages whose frames stand between a deprecated call and the line that made it."""


def deprecated(message: str) -> None:
    """Warn the caller of this package, unless FASTMCP_DEPRECATION_WARNINGS is false.

    Args:
        message: what is deprecated, and what to write instead.
    """
    if not get_settings().deprecation_warnings:
        return
    level, frame = 1, inspect.currentframe()
    while frame is not None and _package(frame) in _NOT_THEIRS:
        level, frame = level + 1, frame.f_back
    warnings.warn(message, FastMCPDeprecationWarning, stacklevel=level)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]
