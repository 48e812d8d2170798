"""The rewriters on any text at all: they never fail, never loop, and are done after once."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastmcp.cli.migration.endpoints import Endpoint, Endpoints, Url
from fastmcp.cli.migration.knowledge import Knowledge
from fastmcp.cli.migration.plan import rewrite

NAMES = [
    "server.py",
    "Dockerfile",
    "tools.service",
    "serve.sh",
    "serve.bat",
    "Makefile",
    ".env",
    "mcp.json",
    ".gemini/settings.json",
    "cline_mcp_settings.json",
    "compose.yaml",
    "config.toml",
    "nginx.conf",
]

PIECES = [
    "from fastmcp import FastMCP, Client\n",
    "from mcp.server.fastmcp import FastMCP\n",
    "from mcp.client.sse import sse_client\n",
    "from fastmcp.client.transports import SSETransport as T, SSETransport\n",
    'mcp = FastMCP("a")\n',
    'mcp.run(transport="sse", port=8000)\n',
    "mcp.run(",
    '"sse"',
    "transport=",
    'T = "sse"\n',
    'SSETransport("http://localhost:8000/sse", sse_read_timeout=1)\n',
    'async with sse_client("http://localhost:8000/sse") as (a, b):\n    pass\n',
    "fastmcp run server.py --transport sse\n",
    "--transport=sse",
    "FASTMCP_TRANSPORT=sse\n",
    "FASTMCP_SSE_PATH=/x\n",
    "FASTMCP_TRANSPORT=http\n",
    "export FASTMCP_TRANSPORT=sse\n",
    "export FASTMCP_SSE_PATH=/x\n",
    'mcp = FastMCP("a", sse_path="/x")\n',
    'mcp.run(transport="http")\n',
    "ENV FASTMCP_SSE_PATH=/x\n",
    "Environment=FASTMCP_SSE_PATH=/x\n",
    "ENV FASTMCP_TRANSPORT sse\n",
    'CMD ["fastmcp", "run", "a.py", "-t", "sse"]\n',
    "HEALTHCHECK CMD curl http://localhost:8000/sse\n",
    "RUN <<EOF\n",
    "ExecStart=fastmcp run a.py --transport sse\n",
    '{"mcpServers": {"a": {"type": "sse", "url": "http://localhost:8000/sse"}}}\n',
    "mcpServers:\n  a:\n    type: sse\n    url: https://mcp.atlassian.com/v1/sse\n",
    '[mcp_servers.a]\nurl = "https://mcp.atlassian.com/v1/sse"\n',
    "npx mcp-remote https://mcp.atlassian.com/v1/sse --transport sse-only\n",
    "mcp-proxy http://localhost:8000/sse\n",
    "supergateway --sse http://localhost:8000/sse\n",
    "location /sse {\n",
    "$(TRANSPORT)",
    "\\\n",
    "\r\n",
    "\n",
    "    ",
    "\t",
    "#",
    "'",
    '"',
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    "- ",
    "|\n",
    "é\u2028\x0c",
]

TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=12).map("".join),
    st.text(max_size=60).map(lambda text: f"{text} sse mcp {text}"),
)


def twice(text: str, name: str) -> tuple[str, str]:
    """A text rewritten, and that once more, each with what the text itself says of servers."""
    texts: list[str] = []
    for _ in range(2):
        known = Knowledge()
        rewrite(text, name, known)
        text, _ = rewrite(text, name, known)
        texts.append(text)
    return texts[0], texts[1]


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(text=TEXTS)
def test_any_text(name: str, text: str):
    once, again = twice(text, name)
    assert once == again


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", 'mcp = "' + "(" * 100_000 + '"sse'),
        ("a.py", "sse = mcp or " + "a or " * 50_000 + "b\n"),
        ("a.py", "sse = mcp" + ".a" * 100_000 + "\n"),
        ("a.py", 'mcp = "sse"' + ' "a"' * 50_000 + "\n"),
        ("a.py", "import mcp.sse" + ".a" * 100_000 + "\n"),
        ("a.py", "mcp.run('sse')\n" * 20_000),
        ("a.py", "from fastmcp import FastMCP\n" + "m = FastMCP()\nm.run('sse')\n" * 800),
        ("a.py", "from fastmcp import FastMCP\nT = 'sse'\n" + "FastMCP().run(T)\n" * 1_200),
        ("a.py", "mcp = {'sse': " * 90 + "1" + "}" * 90),
        ("a.py", "sse = mcp(" + "not " * 50_000 + "1)\n"),
        ("a.json", '{"mcp": "sse", "a": ' + "[" * 200_000),
        ("a.json", '{"mcp": "sse"}' + "/*" * 200_000),
        ("a.json", '{"mcp": "sse' + '\\"' * 200_000),
        ("a.yaml", "mcp: sse\na: " + "[" * 200_000),
        ("a.yaml", "mcp: sse\n" + "- " * 100_000 + "a"),
        (
            "a.yaml",
            "mcp: sse\na0: &a0 [x, x]\n"
            + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 90)),
        ),
        ("a.toml", 'mcp = "sse"\na = ' + "[" * 100_000),
        ("a.toml", 'mcp = "sse"\na = """' + '""\\"' * 100_000),
        ("a.sh", "mcp sse '" * 50_000),
        ("a.sh", "fastmcp run a --transport sse\n" * 15_000),
        ("a.sh", "sse mcp " + "$(" * 200_000),
        ("a.sh", "sse mcp <<A\n" * 30_000),
        ("Makefile", "T = sse\nmcp:\n" + "\tfastmcp run a -t $(T)\n" * 15_000),
        ("Dockerfile", "RUN sse mcp \\\n" * 30_000),
        ("Dockerfile", "RUN sse mcp <<A\n" * 30_000),
        (".env", "A=sse mcp" + " " * 400_000 + "\n"),
        ("a.conf", "location " + "/sse" * 100_000),
    ],
    ids=lambda value: value[:12] if len(value) < 40 else "",
)
def test_a_hostile_text_takes_no_time(name: str, text: str):
    """Seconds of the processor, where a wrong turn is minutes, or the end of the process."""
    began = time.process_time()
    known = Knowledge()
    rewrite(text[: 512 * 1024], name, known)
    assert time.process_time() - began < 20


def test_hosted_endpoints_name_their_source():
    entries = Endpoints().entries
    assert Endpoint.moved(entries[0], "https://mcp.atlassian.com/v1/sse/") == (
        "https://mcp.atlassian.com/v1/mcp"
    )
    for entry in entries:
        old = Url.parse(entry.old)
        assert old is not None
        assert old.is_sse
        assert re.match(r"https://", entry.source)
        if entry.new is None:
            assert entry.note
        else:
            assert Endpoints().find(Url.parse(entry.new) or old) is None


@pytest.mark.parametrize(
    ("pair", "url", "moved"),
    [
        ("https://a.example/sse=https://a.example/mcp", "https://a.example/sse", "/mcp"),
        ("https://a.example/sse=https://a.example/mcp", "https://a.example/sse?x=1", "/mcp?x=1"),
        ("https://*/sse=https://*/v2", "https://b.example/x/sse", "/x/v2"),
        ("*/sse=*/mcp", "http://c/sse", "/mcp"),
    ],
)
def test_own_endpoints(pair: str, url: str, moved: str):
    endpoints = Endpoints([Endpoints.pair(pair)])
    parsed = Url.parse(url)
    assert parsed is not None
    found = endpoints.find(parsed)
    assert found is not None
    assert found[1].endswith(moved)


@pytest.mark.parametrize("pair", ["a", "a=b=c", "*a*=b", "*=b", "a=a", "*=*x"])
def test_own_endpoints_that_are_none(pair: str):
    with pytest.raises(ValueError, match=re.escape(repr(pair))):
        Endpoints.pair(pair)
