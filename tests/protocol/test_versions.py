"""Revisions and their eras."""

from __future__ import annotations

import pytest

from fastmcp.protocol.versions import (
    HANDSHAKE_VERSIONS,
    LATEST_HANDSHAKE,
    LATEST_STATELESS,
    STATELESS_VERSIONS,
    Era,
    era_of,
    negotiate,
)
from tests.support import schema


def test_every_published_revision_is_known():
    assert set(HANDSHAKE_VERSIONS) | set(STATELESS_VERSIONS) == set(schema.VERSIONS)
    assert (LATEST_HANDSHAKE, LATEST_STATELESS) == ("2025-11-25", "2026-07-28")


@pytest.mark.parametrize("version", schema.VERSIONS)
def test_eras(version: str):
    stateless = "InitializeRequest" not in schema.definitions(version)
    assert era_of(version) is (Era.STATELESS if stateless else Era.HANDSHAKE)


@pytest.mark.parametrize("version", ["", "2025-11-26", "2026-07-28 ", "draft"])
def test_unknown(version: str):
    assert era_of(version) is None
    assert negotiate(version) == LATEST_HANDSHAKE


def test_negotiation():
    for version in HANDSHAKE_VERSIONS:
        assert negotiate(version) == version
    assert negotiate(LATEST_STATELESS) == LATEST_HANDSHAKE
