"""The key that signs session ids: given, shared in a file, or made up; rotated; raced for."""

from __future__ import annotations

import base64
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import OctKey

from fastmcp.server.session_keys import SessionKeys, load_session_keys

OLD, NEW = "old-" * 8, "new-" * 8


def test_signs_and_verifies():
    keys = SessionKeys([b"k" * 32])
    token = keys.sign(b"payload")
    assert token.isascii()
    assert all(0x21 <= ord(c) <= 0x7E for c in token)
    assert keys.verify(token) == b"payload"
    assert SessionKeys([b"x" * 32]).verify(token) is None


def test_a_token_is_a_jws():
    token = SessionKeys([b"k" * 32]).sign(b"payload")
    key = OctKey.import_key(b"k" * 32)
    assert jws.deserialize_compact(token, key, algorithms=["HS256"]).payload == b"payload"
    assert jws.serialize_compact({"alg": "HS256"}, b"payload", key, algorithms=["HS256"]) == token


def test_only_our_header_is_one():
    key = OctKey.import_key(b"k" * 32)
    for header in ({"alg": "HS256", "typ": "JWT"}, {"alg": "HS256", "b64": True}):
        other = jws.serialize_compact(header, b"payload", key, algorithms=["HS256"])
        assert SessionKeys([b"k" * 32]).verify(other) is None


def test_rotation():
    before = load_session_keys([OLD], Path("/nonexistent"))
    token = before.sign(b"p")
    during = load_session_keys([NEW, OLD], Path("/nonexistent"))
    assert during.verify(token) == b"p"
    fresh = during.sign(b"q")
    after = load_session_keys([NEW], Path("/nonexistent"))
    assert after.verify(fresh) == b"q"
    assert after.verify(token) is None
    assert before.verify(fresh) is None


def test_codes():
    keys = load_session_keys([NEW, OLD], Path("/nonexistent"))
    mac = keys.mac("purpose", b"data")
    assert len(mac) == 32
    assert keys.verify_mac("purpose", b"data", mac)
    assert not keys.verify_mac("other", b"data", mac)
    assert not keys.verify_mac("purpose", b"datum", mac)
    assert not keys.verify_mac("purpose", b"data", mac[:-1])
    assert not keys.verify_mac("purpose", b"data", b"")
    before, after = SessionKeys([OLD.encode()]), SessionKeys([NEW.encode()])
    assert after.verify_mac("purpose", b"data", mac)
    assert not before.verify_mac("purpose", b"data", mac)
    assert keys.verify_mac("purpose", b"data", before.mac("purpose", b"data"))


def test_a_token_is_no_code():
    keys = SessionKeys([b"k" * 32])
    signed, _, signature = keys.sign(b"payload").rpartition(".")
    mac = base64.urlsafe_b64decode(signature + "=")
    for at in range(len(signed) + 1):
        assert not keys.verify_mac(signed[:at], signed[at:].encode(), mac)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "short"]])
def test_weak_keys_are_refused(keys: list[str]):
    with pytest.raises(ValueError, match="at least 16 bytes"):
        SessionKeys([key.encode() for key in keys])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["", "e30", "eyJhbGciOiJub25lIn0", "bnVsbA", "W10", "=", "."]),
               max_size=6).map(".".join)
)  # fmt: skip
def test_nothing_else_verifies(token: str):
    assert SessionKeys([b"k" * 32]).verify(token) is None


@given(st.data())
@settings(max_examples=100, deadline=None, derandomize=True)
def test_no_changed_token_verifies(data: st.DataObject):
    keys = SessionKeys([b"k" * 32])
    token = keys.sign(b"payload")
    at = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(min_codepoint=0x21, max_codepoint=0x7E))
    changed = token[:at] + other + token[at + 1 :]
    assert (keys.verify(changed) is None) or changed == token


def test_the_shared_file(tmp_path: Path):
    home = tmp_path / "deep" / "home"
    first = load_session_keys([], home)
    path = home / "session.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert os.listdir(home) == ["session.key"]
    assert load_session_keys([], home).verify(first.sign(b"p")) == b"p"


def test_a_file_others_can_read_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    load_session_keys([], tmp_path)
    path = tmp_path / "session.key"
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        keys = load_session_keys([], tmp_path)
    assert "mode 0600" in caplog.text
    path.chmod(0o600)
    assert load_session_keys([], tmp_path).verify(keys.sign(b"p")) is None


@pytest.mark.parametrize("content", [b"", b"short"])
def test_a_broken_file_is_not_used(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
):
    path = tmp_path / "session.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        keys = load_session_keys([], tmp_path)
    assert len(caplog.records) == 1
    assert keys.verify(keys.sign(b"p")) == b"p"


def test_no_place_for_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        keys = load_session_keys([], tmp_path / "file" / "home")
    assert "FASTMCP_SESSION_KEY" in caplog.text
    assert keys.verify(keys.sign(b"p")) == b"p"


def test_processes_that_race_agree(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path;"
        "from fastmcp.server.session_keys import load_session_keys;"
        "sys.stdin.readline();"
        "print(load_session_keys([], Path(sys.argv[1])).sign(b'p'))"
    )
    home = tmp_path / "home"
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write(b"go\n")
        racer.stdin.flush()
    tokens = []
    for racer in racers:
        out, err = racer.communicate(timeout=30)
        assert (racer.returncode, err) == (0, b"")
        tokens.append(out.strip().decode())
    keys = load_session_keys([], home)
    assert [keys.verify(token) for token in tokens] == [b"p"] * 4
    assert os.listdir(home) == ["session.key"]
