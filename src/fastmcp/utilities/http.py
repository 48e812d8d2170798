"""Small things about addresses."""

from __future__ import annotations

import socket

__all__ = ["find_available_port"]


def find_available_port(host: str = "127.0.0.1") -> int:
    """A port nobody listens on at this moment. To be sure of it, bind a socket instead."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
