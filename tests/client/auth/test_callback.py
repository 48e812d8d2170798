"""The page of the browser's return, by hand."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fastmcp.client.auth.callback import CallbackServer

ANSWER = b"GET /callback?code=a&state=s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


async def test_a_browser_that_does_not_wait_for_the_page(caplog: pytest.LogCaptureFixture):
    """Its answer counts, and nothing has failed."""
    async with CallbackServer("127.0.0.1", 0, "a server") as page:
        page.expect("s", lambda _: None)
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
        writer.write(ANSWER)
        writer.write_eof()
        assert (await asyncio.wait_for(page.answer(), 5)).code == "a"
        await reader.read()
        writer.close()
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []


async def test_what_is_no_http_is_no_failure_of_this_program(caplog: pytest.LogCaptureFixture):
    """Whatever runs on this machine can find the port."""
    async with CallbackServer("127.0.0.1", 0, "a server") as page:
        page.expect("s", lambda _: None)
        for nonsense in (
            b"GET GET /callback HTTP/1.1\r\n\r\n",
            b"\x16\x03\x01\r\n\r\n",
            b"a" * 9000,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
            writer.write(nonsense)
            writer.write_eof()
            assert (await reader.read())[9:12] in (b"400", b"")
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
        writer.write(ANSWER)
        assert b" 200 " in await reader.readline()
        assert (await page.answer()).code == "a"
        writer.close()
    assert [one for one in caplog.records if one.levelno >= logging.WARNING] == []
