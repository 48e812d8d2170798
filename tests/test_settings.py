"""Settings: defaults, the environment, the env file, and what a bad value says."""

from __future__ import annotations

import importlib
from pathlib import Path

import pydantic
import pytest

import fastmcp.settings
from fastmcp.settings import Settings, get_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """No variable of the surrounding shell, no `.env` of the working directory."""
    import os

    for name in os.environ:
        if name.startswith("FASTMCP_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def test_defaults():
    settings = Settings()
    assert (settings.transport, settings.host, settings.port) == ("stdio", "127.0.0.1", 8000)
    assert (settings.sse_path, settings.message_path) == ("/sse", "/messages/")
    assert settings.streamable_http_path == "/mcp"
    assert settings.http_host_origin_protection == "auto"
    assert settings.http_max_body_bytes == 4 * 1024 * 1024
    assert (settings.http_keepalive_interval, settings.http_stream_after) == (15.0, 0.1)
    assert (settings.max_threads, settings.on_disconnect) == (256, "continue")
    assert (settings.http_max_header_bytes, settings.http_max_json_depth) == (65_536, 200)
    assert (settings.http_max_requests, settings.http_max_session_requests) == (0, 100)
    assert settings.http_max_session_streams == 16
    assert settings.http_max_subscriptions == 1000
    assert settings.http_max_principal_subscriptions == 100
    assert (settings.http_max_sse_streams, settings.http_sse_initialize_timeout) == (1000, 60)
    assert settings.session_keys == ()
    assert settings.client_disconnect_timeout == 5
    assert settings.home.name == "fastmcp"


@pytest.mark.parametrize(
    ("name", "text", "field", "value"),
    [
        ("LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("CLIENT_LOG_LEVEL", "WARNING", "client_log_level", "warning"),
        ("TRANSPORT", "HTTP", "transport", "http"),
        ("STATELESS_HTTP", "true", "stateless_http", True),
        ("ON_DISCONNECT", "Cancel", "on_disconnect", "cancel"),
        ("HTTP_HOST_ORIGIN_PROTECTION", "true", "http_host_origin_protection", True),
        ("HTTP_HOST_ORIGIN_PROTECTION", "auto", "http_host_origin_protection", "auto"),
        ("HTTP_ALLOWED_HOSTS", "a.example, b.example", "http_allowed_hosts", None),
        ("HTTP_ALLOWED_HOSTS", '["a.example", "b.example"]', "http_allowed_hosts", None),
        ("PORT", "", "port", 8000),
        ("HTTP_KEEPALIVE_INTERVAL", "0", "http_keepalive_interval", 0.0),
    ],
)
def test_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, field: str, value: object
):
    monkeypatch.setenv(f"FASTMCP_{name}", text)
    expected = ["a.example", "b.example"] if name == "HTTP_ALLOWED_HOSTS" else value
    assert getattr(Settings(), field) == expected


def test_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / ".env").write_text("FASTMCP_PORT=9001\nOTHER=1\nFASTMCP_UNKNOWN=1\n")
    assert Settings().port == 9001
    (tmp_path / "other.env").write_text("FASTMCP_PORT=9002\n")
    monkeypatch.setenv("FASTMCP_ENV_FILE", str(tmp_path / "other.env"))
    assert Settings().port == 9002
    monkeypatch.setenv("FASTMCP_PORT", "9003")
    assert Settings().port == 9003


def test_home_expands_the_tilde(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FASTMCP_HOME", "~/somewhere")
    assert Settings().home == Path.home() / "somewhere"


def test_session_keys(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FASTMCP_SESSION_KEY", "new-secret, old-secret,")
    settings = Settings()
    assert settings.session_keys == ("new-secret", "old-secret")
    assert "secret" not in repr(settings).replace("SecretStr", "")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "abc"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "loud"),
        ("HTTP_MAX_BODY_BYTES", "0"),
        ("HTTP_SESSION_IDLE_TIMEOUT", "0"),
        ("HTTP_ALLOWED_HOSTS", '["a"'),
        ("SESSION_KEY", " , "),
    ],
)
def test_bad_value_names_the_variable(monkeypatch: pytest.MonkeyPatch, name: str, text: str):
    monkeypatch.setenv(f"FASTMCP_{name}", text)
    with pytest.raises(ValueError, match=f"^FASTMCP_{name} is not valid ") as caught:
        get_settings()
    message = str(caught.value)
    assert "\n" not in message
    assert "unset it" in message


def test_bad_value_is_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FASTMCP_PORT", "hunter2")
    with pytest.raises(ValueError, match="FASTMCP_PORT") as caught:
        get_settings()
    assert "hunter2" not in str(caught.value)
    with pytest.raises(pydantic.ValidationError) as raw:
        Settings()
    assert "hunter2" not in str(raw.value)


def test_one_instance():
    assert get_settings() is get_settings()
    module = importlib.import_module("fastmcp.settings")
    assert module.settings is get_settings()
    with pytest.raises(AttributeError):
        _ = module.nonsense


def test_the_package_attribute_is_the_instance_whatever_was_imported():
    importlib.import_module("fastmcp.settings")
    assert fastmcp.settings is get_settings()


def test_get_and_set_by_name():
    settings = Settings()
    settings.set_setting("port", "9")
    assert settings.get_setting("port") == 9
    with pytest.raises(pydantic.ValidationError):
        settings.port = "x"  # type: ignore[assignment]  # a wrong type is the point
    for call in (lambda: settings.get_setting("a__b"), lambda: settings.set_setting("a", 1)):
        with pytest.raises(AttributeError, match="no setting"):
            call()
