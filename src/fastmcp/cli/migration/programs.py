"""What the words of one command mean: servers that are started, bridges, clients on a command line.

A rule reads the words after its program's name. What no rule understood and still speaks of the
old transport is listed.

    fastmcp run, list, call, bridge    --transport sse|http, or http-first ... for a bridge
    mcp run                            the official SDK: --transport sse|streamable-http
    mcp-remote                         --transport http-first (default), sse-first, http-only, ...
    mcp-proxy                          --transport sse (default for a URL), streamablehttp
    supergateway                       --sse URL, --streamableHttp URL
    claude mcp add, gemini mcp add     --transport sse|http
    uvicorn                            says on which port an application is
    curl, wget                         a health check that reads /sse does not end
"""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from fastmcp.cli.migration.edits import Findings, Word
from fastmcp.cli.migration.endpoints import Url, port_of
from fastmcp.cli.migration.knowledge import DEFAULT_PORT, HTTP_PATH, SSE_PATH, Knowledge, Served
from fastmcp.cli.migration.shell import commands_in

__all__ = [
    "LONGEST",
    "Place",
    "Variables",
    "apply_rules",
    "asks_for_sse",
    "list_the_rest",
    "publish",
    "read_command",
    "read_inner",
    "read_setting",
    "serve_settings",
]

_SSE: Final = re.compile(r"sse|\$\{\w+:?-sse\}")
_VARIABLE: Final = re.compile(r"\$(?:\{(\w+)\}|\((\w+)\)|(\w+))")
_SETTING: Final = re.compile(r"(?:^|(?<=[=,]))(FASTMCP_[A-Z_]+)=([^,]*)")
_URL_PIECE: Final = re.compile(r"https?://[^\s'\"<>\\)\]}|;,]+", re.IGNORECASE)
_SHELLS: Final = frozenset(("sh", "bash", "zsh", "dash", "ash"))
_BRIDGE_ORDERS: Final = {"sse-only": "http-only", "sse-first": "http-first"}
_FASTMCP_OPTIONS: Final = (
    *("--transport", "-t", "--port", "-p", "--path", "--host", "--log-level", "-l", "--workers"),
    *("-w", "--uvicorn-arg", "--reload-dir", "--log-format", "--header", "--auth", "--timeout"),
)
LONGEST: Final = 400
"""Words of a command that are read; more than that is data."""
_PUBLISHED: Final = re.compile(r"(?:[0-9.]+:)?([0-9]{1,5}):([0-9]{1,5})(?:/tcp)?")
_TESTS: Final = frozenset(("[", "[[", "test", "case"))
_BEFORE_TESTS: Final = frozenset(("if", "elif", "while", "until", "then", "!", "do"))
_PATTERN: Final = re.compile(r"(?:[^,]*,)?\*?sse\*?")
"""The word itself, in a pattern of `case`, or in `ifeq ($(T),sse)`."""
_OLD_WORDS: Final = ("sse", "sse-only", "sse-first")
_FETCHERS: Final = ("curl", "wget")

_LOOK_AT_SERVER: Final = (
    "If it is the transport of an MCP server, write http (FastMCP) or streamable-http (the "
    "official SDK), and move its clients."
)


@dataclass
class Variables:
    """Variables of one file that are set to a text there, and the commands they are used in."""

    text: str
    values: dict[str, list[Word]] = field(default_factory=dict[str, list[Word]])
    uses: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """For each use as a transport: the name, and what the new transport is called there."""

    def settle(self, found: Findings) -> None:
        """Rewrite the variables that are the transport of commands and nothing else."""
        for name in {name for name, _ in self.uses}:
            values = self.values[name]
            news = [new for used, new in self.uses if used == name]
            mentions = len(re.findall(rf"\b{re.escape(name)}\b", self.text))
            if len(values) == 1 and len(set(news)) == 1 and mentions == 1 + len(news):
                _replace_end(found, values[0], values[0].value, _renamed(values[0].value, news[0]))
                continue
            for value in values:
                if _SSE.fullmatch(value.value):
                    found.note(
                        value.start,
                        f"{name} is the transport of a command, and is set or used elsewhere too.",
                        f"Write {' or '.join(sorted(set(news)))} where nothing else depends on it.",
                    )


@dataclass
class Place:
    """Where a command stands."""

    found: Findings
    known: Knowledge
    where: str
    """The file, as it is named to people."""
    insert: Callable[[Findings, Word, str], None] | None = None
    """Puts another word before one; None: with a space between."""
    variables: Variables | None = None
    service: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict[str, str])
    """The `FASTMCP_*` of the environment it runs in, as far as that is known."""
    escape: str = "\\"
    chosen: bool = False
    """Something around it asks whether the transport is sse."""

    def say(self, word: Word, reason: str, advice: str) -> None:
        """List a word."""
        self.found.note(word.start, reason, advice)

    def put_before(self, word: Word, text: str) -> None:
        """Put another word before one."""
        if self.insert is None:
            self.found.replace(word.start, word.start, f"{text} ")
        else:
            self.insert(self.found, word, text)


def asks_for_sse(commands: Iterable[Sequence[Word]]) -> bool:
    """Whether a script has a branch for sse: what runs in it cannot be another transport.

    Which commands belong to the branch is not followed: all of the script are taken to.
    """
    for words in commands:
        values = [word.value for word in words]
        while values[:1] and values[0] in _BEFORE_TESTS:
            del values[0]
        pattern = len(values) == 1 and _PATTERN.fullmatch(values[0])
        asked = values[:1] and values[0] in _TESTS and any(map(_PATTERN.fullmatch, values))
        if pattern or asked:
            return True
    return False


def read_command(place: Place, words: Sequence[Word]) -> None:
    """Rewrite what one command says of HTTP+SSE, and list what no rule knows."""
    apply_rules(place, words[:LONGEST])
    list_the_rest(place, words[:LONGEST])


def apply_rules(place: Place, words: Sequence[Word]) -> None:
    """Rewrite what one command says of HTTP+SSE."""
    pairs = [
        (pair[1], pair[2], word)
        for word in words
        for pair in _SETTING.finditer(word.value)
        if "FASTMCP_" in word.value
    ]
    here = {name: value for name, value, _ in pairs}
    for name, value, word in pairs:
        read_setting(place, name, value, word, {**place.settings, **here})
    if here:
        serve_settings(place, here)
    for option, word in itertools.pairwise(words):
        if option.value in ("-p", "--publish"):
            publish(place.known, word.value)
    for index, word in enumerate(words):
        name = _program(word.value)
        rule = _RULES.get(name)
        if name in _SHELLS and index + 2 < len(words) and words[index + 1].value == "-c":
            read_inner(place, words[index + 2])
        elif rule is not None and rule(place, words[index + 1 :], here):
            break


def publish(known: Knowledge, text: str) -> None:
    """Remember `9000:8000`, a port of this machine that is one of a container."""
    ports = _PUBLISHED.fullmatch(text)
    if ports is not None:
        known.published.add((int(ports[1]), int(ports[2])))


def read_setting(
    place: Place,
    name: str,
    value: str,
    word: Word,
    around: Mapping[str, str],
    key: Word | None = None,
) -> None:
    """A variable of FastMCP's settings, in whatever form an environment is written.

    Args:
        word: what holds the value; `NAME=value`, or the value alone.
        around: the settings that are set beside it.
        key: what holds the name, where that is not `word`.
    """
    if name == "FASTMCP_TRANSPORT" and _SSE.fullmatch(value):
        if place.chosen:
            _undecided(place, word)
            return
        new = _renamed(value, "http")
        if place.found.raw(word).count(f"{name}={value}") == 1:
            place.found.replace_in(word, f"{name}={value}", f"{name}={new}")
        else:
            _replace_end(place.found, word, value, new)
    elif name == "FASTMCP_SSE_PATH" and _becomes_http(place, around):
        place.found.replace_in(key or word, name, "FASTMCP_STREAMABLE_HTTP_PATH")
    elif name == "FASTMCP_MESSAGE_PATH" and _becomes_http(place, around):
        place.say(
            word,
            "FASTMCP_MESSAGE_PATH has no meaning for Streamable HTTP, which has one path.",
            "Remove it.",
        )


def serve_settings(place: Place, settings: Mapping[str, str]) -> None:
    """Remember the server that an environment describes."""
    if _becomes_http(place, settings) or settings.get("FASTMCP_TRANSPORT") in (
        "http",
        "streamable-http",
    ):
        _serve(place, settings, None, None)


def _becomes_http(place: Place, settings: Mapping[str, str]) -> bool:
    return not place.chosen and _SSE.fullmatch(settings.get("FASTMCP_TRANSPORT", "")) is not None


def _serve(place: Place, settings: Mapping[str, str], port: str | None, path: str | None) -> None:
    around = {**place.settings, **settings}
    written = port or around.get("FASTMCP_PORT") or str(DEFAULT_PORT)
    default = re.fullmatch(r"\$\{\w+:?-([0-9]+)\}", written)
    written = default[1] if default else written
    old = around.get("FASTMCP_SSE_PATH")
    new = around.get("FASTMCP_STREAMABLE_HTTP_PATH")
    if new is None and _becomes_http(place, around):
        new = old  # it is renamed
    was, now = path or old or new or SSE_PATH, path or new or HTTP_PATH
    place.known.served.add(Served(place.where, port_of(written), was, now, place.service))


def _program(value: str) -> str:
    """The name of a program in a path, with a version, or as an image."""
    name = re.split(r"[/\\]", value.lstrip("@-+"))[-1].lower()
    return re.split(r"[@:=<>~\[]", name, maxsplit=1)[0].removesuffix(".exe").replace("_", "-")


def read_inner(place: Place, word: Word) -> None:
    """The commands in a word that a shell is given, as in sh -c."""
    raw = place.found.raw(word)
    quoted = len(raw) > 1 and raw[0] in "\"'" and raw[-1] == raw[0]
    start, end = (word.start + 1, word.end - 1) if quoted else (word.start, word.end)
    commands = list(commands_in(place.found.text, start, end, place.escape))
    inner = dataclasses.replace(place, insert=None, chosen=place.chosen or asks_for_sse(commands))
    for words in commands:
        read_command(inner, words)


# --- options ---------------------------------------------------------------------------------


@dataclass
class _Options:
    """The options of a command: names, and the words that hold their values."""

    values: dict[str, Word]
    words: dict[str, Word]
    plain: list[Word]

    @property
    def url(self) -> Word | None:
        """The first word that is no option, and is a URL."""
        return next((word for word in self.plain if Url.parse(word.value)), None)

    def value(self, *names: str) -> Word | None:
        return next((self.values[name] for name in names if name in self.values), None)

    def text(self, *names: str) -> str | None:
        word = self.value(*names)
        return None if word is None else word.value


def _options(words: Sequence[Word], known: Sequence[str]) -> _Options:
    """Options that have a value, of those named, and everything that is no option."""
    options = _Options({}, {}, [])
    waiting: str | None = None
    for word in words:
        name, sign, value = word.value.partition("=")
        if waiting is not None:
            options.values[waiting] = word
            waiting = None
        elif word.value == "--":
            break
        elif name in known and sign:
            # The place of the value alone: what is written before it stays.
            options.words[name] = word
            options.values[name] = Word(value, word.start, word.end)
        elif word.value in known:
            options.words[word.value] = word
            waiting = word.value
        elif not word.value.startswith("-"):
            options.plain.append(word)
    return options


def _renamed(value: str, new: str) -> str:
    """`sse`, or `${NAME:-sse}`, with the new name for it."""
    return new if value == "sse" else f"{value[: -len('sse}')]}{new}}}"


def _replace_end(found: Findings, word: Word, old: str, new: str) -> None:
    """Put `new` for `old` where it is the end of a word, as in --transport=sse."""
    raw = found.raw(word)
    at = raw.rfind(old)
    if at < 0 or raw[at + len(old) :].strip("\"'"):
        found.replace_in(word, old, new)
    else:
        found.replace(word.start + at, word.start + at + len(old), new)


def _transport(place: Place, word: Word | None, new: str) -> bool:
    """Rewrite the word that names the transport; True if it was the old one."""
    if word is None:
        return False
    if _SSE.fullmatch(word.value):
        if place.chosen:
            _undecided(place, word)
            return False
        _replace_end(place.found, word, word.value, _renamed(word.value, new))
        return True
    variable = _VARIABLE.fullmatch(word.value)
    if variable is None or place.variables is None:
        return False
    name = next(part for part in variable.groups() if part)
    if not any(_SSE.fullmatch(one.value) for one in place.variables.values.get(name, ())):
        return False
    place.variables.uses.append((name, new))
    return True


def _undecided(place: Place, word: Word) -> None:
    place.say(
        word,
        "A server of HTTP+SSE, left as it is: this script asks whether the transport is sse.",
        "Where that choice is not needed any more, write http (FastMCP) or streamable-http (the "
        "official SDK).",
    )


def _client(
    place: Place, word: Word, transport: Word | None, orders: Mapping[str, str], adds: str = ""
) -> bool:
    """A command that connects to the URL in `word`.

    Args:
        transport: the word that says how; None where there is none.
        orders: what is written for an old transport.
        adds: the word to put before the URL where none says how, because that means the old one;
            empty if it means the new one, or either.
    """
    place.found.understood(word, transport)
    url = Url.parse(word.value)
    if url is None:
        return True
    old = transport.value in orders if transport is not None else bool(adds)
    if not place.known.endpoints.find(url) and not old and (transport or not url.is_sse):
        return True
    verdict = place.known.judge(word.value)
    if not verdict.sure:
        place.say(word, f"A client of HTTP+SSE: {verdict.reason}", verdict.advice)
    elif verdict.url == word.value or place.found.replace_in(word, word.value, verdict.url):
        if transport is not None and old:
            _replace_end(place.found, transport, transport.value, orders[transport.value])
        elif transport is None and adds:
            place.put_before(word, adds)
    return True


# --- the rules: each True if the command is its own ------------------------------------------


def _fastmcp(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    if not words or words[0].value not in ("run", "list", "call", "bridge", "doctor"):
        return False
    options = _options(words[1:], _FASTMCP_OPTIONS)
    transport = options.value("--transport", "-t")
    target = options.plain[0] if options.plain else None
    remote = target is not None and Url.parse(target.value) is not None
    if words[0].value == "bridge":
        return target is None or _client(place, target, transport, _BRIDGE_ORDERS)
    if words[0].value != "run":
        return not remote or target is None or _client(place, target, transport, {"sse": "http"})
    around = {**place.settings, **here}.get("FASTMCP_TRANSPORT")
    named = around if transport is None else transport.value
    if place.chosen and named == "sse":
        _transport(place, transport, "http")
        port = options.text("--port", "-p") or str(DEFAULT_PORT)
        place.known.old.add((place.where, port_of(port)))
    elif _transport(place, transport, "http") or named in ("sse", "http", "streamable-http"):
        _serve(place, here, options.text("--port", "-p"), options.text("--path"))
    if remote and target is not None:
        _client(place, target, None, {})
    return True


def _sdk(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    if not words or words[0].value != "run":
        return False
    options = _options(words[1:], ("--transport", "-t"))
    transport = options.value("--transport", "-t")
    if _transport(place, transport, "streamable-http") or options.text("--transport", "-t") == (
        "streamable-http"
    ):
        place.known.served.add(Served(place.where, DEFAULT_PORT, service=place.service))
    return True


def _remote(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    options = _options(words, ("--transport", "--header", "--host", "--resource", "--ignore-tool"))
    url = options.url
    return url is None or _client(place, url, options.value("--transport"), _BRIDGE_ORDERS)


def _proxy(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    options = _options(words, ("--transport", "--headers", "-H", "--port", "--host", "--env", "-e"))
    url = options.url
    if url is None or options.plain[0] is not url:
        return not options.plain  # it starts a server: what follows is another command
    transport = options.value("--transport")
    orders = {"sse": "streamablehttp"}
    return _client(place, url, transport, orders, "--transport=streamablehttp")


def _supergateway(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    options = _options(words, ("--sse", "--stdio", "--outputTransport", "--streamableHttp"))
    url, option = options.value("--sse"), options.words.get("--sse")
    if url is not None and option is not None:
        verdict = place.known.judge(url.value)
        if not verdict.sure:
            place.say(url, f"A client of HTTP+SSE: {verdict.reason}", verdict.advice)
        elif verdict.url == url.value or place.found.replace_in(url, url.value, verdict.url):
            place.found.replace_in(option, "--sse", "--streamableHttp")
    elif options.value("--stdio") and options.text("--outputTransport") in (None, "sse"):
        word = options.value("--outputTransport") or options.words["--stdio"]
        place.say(
            word,
            "supergateway serves HTTP+SSE here, with a session for each client.",
            "Write --outputTransport streamableHttp, with --stateful if its sessions matter, and "
            "move its clients to /mcp.",
        )
    return True


def _client_add(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    if [word.value for word in words[:2]] != ["mcp", "add"]:
        return False
    options = _options(words[2:], ("--transport", "-t", "--scope", "-s", "--header", "-H"))
    url = options.url
    return url is None or _client(place, url, options.value("--transport", "-t"), {"sse": "http"})


def _uvicorn(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    options = _options(words, ("--port", "--host", "--workers", "--log-level"))
    if options.plain and ":" in options.plain[0].value:
        port = port_of(options.text("--port") or str(DEFAULT_PORT))
        module = options.plain[0].value.partition(":")[0].rpartition(".")[2]
        if port is not None:
            place.known.applications.add((module, port))
    return True


def _fetcher(place: Place, words: Sequence[Word], here: Mapping[str, str]) -> bool:
    for word in words:
        for piece in _URL_PIECE.findall(word.value):
            url = Url.parse(piece)
            if url is not None and url.is_sse and place.known.judge(piece).sure:
                place.say(
                    word,
                    f"A request to {piece}, which the server will not have any more.",
                    "To see whether it is well, ask /healthz of a server with "
                    "FASTMCP_HTTP_HEALTH=true; a GET of /mcp alone is refused.",
                )
    return True


_Rule = Callable[[Place, Sequence[Word], Mapping[str, str]], bool]

_RULES: Final[dict[str, _Rule]] = {
    "fastmcp": _fastmcp,
    "fastmcp-streamline": _fastmcp,
    "mcp": _sdk,
    "mcp-remote": _remote,
    "mcp-remote-client": _remote,
    "mcp-proxy": _proxy,
    "supergateway": _supergateway,
    "claude": _client_add,
    "gemini": _client_add,
    "uvicorn": _uvicorn,
    **dict.fromkeys(_FETCHERS, _fetcher),
}


def list_the_rest(place: Place, words: Sequence[Word]) -> None:
    """List what no rule touched and still speaks of the old transport."""
    before = ""
    for word in words:
        name, sign, value = word.value.rpartition("=")
        sse = value in _OLD_WORDS and sign and name.lower().endswith("transport")
        named = word.value in _OLD_WORDS and before.lower().endswith("transport")
        before = word.value
        if place.found.touches(word.start, word.end):
            continue
        if sse or named:
            place.say(
                word,
                f"{word.value} is the transport of something that is not known here.",
                _LOOK_AT_SERVER,
            )
            continue
        for piece in _URL_PIECE.findall(word.value):
            url = Url.parse(piece)
            if url is not None and url.is_sse:
                verdict = place.known.judge(piece)
                place.say(
                    word,
                    "A URL of HTTP+SSE; what reads it is not known here"
                    + ("." if verdict.sure else f", and {verdict.reason}"),
                    f"If it is an MCP client: {verdict.url}, and Streamable HTTP in the client."
                    if verdict.sure
                    else verdict.advice,
                )
