"""What a client can do beyond the protocol: `Client(extensions=[...])`.

An extension is known by its id, under which the client declares it; a server that knows it too may
then answer a tool call in a form of the extension's own (a *claim*: the `resultType` it has, the
model it is read into, and a function that makes of it the result everybody else gets), and tell of
things in notifications of the extension's own. Forms of results belong to the stateless era: to a
handshake an extension that has nothing else is not declared.

The classes need not be inherited from: an object with these attributes is an extension.
Sources: 2026-07-28, basic/index, "ResultType", and basic/versioning, "Extension Negotiation".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar, cast, get_args

import pydantic

from fastmcp.exceptions import McpError
from fastmcp.protocol.errors import INVALID_REQUEST
from fastmcp.protocol.meta import check_extension_id
from fastmcp.protocol.versions import STATELESS_VERSIONS
from fastmcp.utilities import mcp_types

__all__ = [
    "ClaimContext",
    "ClientExtension",
    "Extensions",
    "NotificationBinding",
    "ResultClaim",
    "UnexpectedClaimedResult",
    "advertise",
]

ClaimedT = TypeVar("ClaimedT", bound=mcp_types.Result)
ParamsT = TypeVar("ParamsT", bound=pydantic.BaseModel)

_CORE: Final = ("complete", "input_required")


@dataclass(frozen=True, kw_only=True)
class ClaimContext:
    """What the function of a claim gets beside the result.

    Attributes:
        session: through which it may ask the server further.
        tool_name: of the tool that was called.
        read_timeout_seconds: that a request may take; None for no limit.
    """

    session: Any
    tool_name: str
    read_timeout_seconds: float | None


@dataclass(frozen=True, kw_only=True)
class ResultClaim(Generic[ClaimedT]):
    """A form of a tool's result that the client understands.

    Args:
        result_type: its `resultType`.
        model: what it is read into; a `mcp_types.Result` whose `result_type` is the literal.
        resolve: makes the ordinary result of it.
        method: the request that may be answered so.
        protocol_versions: where it exists, None for every stateless version.
    Raises:
        ValueError: a claim that could never be met, or that takes what is the protocol's own.
    """

    result_type: str
    model: type[ClaimedT]
    resolve: Callable[[ClaimedT, ClaimContext], Awaitable[mcp_types.CallToolResult]]
    method: Literal["tools/call"] = "tools/call"
    protocol_versions: frozenset[str] | None = None

    def __post_init__(self) -> None:
        if cast("str", self.method) != "tools/call":
            raise ValueError(f"Only tools/call can be claimed, not {self.method!r}.")
        if self.result_type in _CORE:
            raise ValueError(f"resultType {self.result_type!r} is the protocol's own.")
        field = self.model.model_fields.get("result_type")
        if field is None or get_args(field.annotation) != (self.result_type,):
            raise ValueError(
                f"{self.model.__name__}.result_type must be Literal[{self.result_type!r}]."
            )
        if self.protocol_versions is not None and not (
            self.protocol_versions and self.protocol_versions <= frozenset(STATELESS_VERSIONS)
        ):
            raise ValueError(
                f"protocol_versions are some of {', '.join(STATELESS_VERSIONS)}, not "
                f"{sorted(self.protocol_versions)}; None for all of them."
            )


@dataclass(frozen=True, kw_only=True)
class NotificationBinding(Generic[ParamsT]):
    """A notification that the protocol does not have, and who hears it.

    Args:
        method: of the notification.
        params_type: what its params are read into; what does not fit is not heard.
        handler: hears them, one after the other.
    """

    method: str
    params_type: type[ParamsT]
    handler: Callable[[ParamsT], Awaitable[None]]


class ClientExtension:
    """Base of extensions; override what yours has.

    Attributes:
        identifier: a domain you own in reverse, a slash and a name: `com.example/search`.
    """

    identifier: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "identifier" in vars(cls):
            check_extension_id(cls.identifier)

    def settings(self) -> dict[str, Any]:
        """What the server is told beside the id. Asked once, when the client is made."""
        return {}

    def claims(self) -> Sequence[ResultClaim[Any]]:
        """The forms of results it understands."""
        return ()

    def notifications(self) -> Sequence[NotificationBinding[Any]]:
        """The notifications it hears."""
        return ()


class _Declared(ClientExtension):
    """An id and settings, and nothing else."""

    def __init__(self, identifier: str, settings: dict[str, Any]) -> None:
        self.identifier = identifier
        self._settings = settings

    def settings(self) -> dict[str, Any]:
        return self._settings


def advertise(identifier: str, settings: dict[str, Any] | None = None) -> ClientExtension:
    """An extension that is declared and has nothing more to it here.

    Args:
        identifier: of the extension.
        settings: that the server is told.
    Raises:
        ValueError: no id of an extension.
    """
    check_extension_id(identifier)
    return _Declared(identifier, settings or {})


class UnexpectedClaimedResult(McpError, RuntimeError):
    """The server answered in a form that this client does not understand. Whatever the result
    refers to may be kept at the server.

    Attributes:
        result: as it came.
    """

    def __init__(self, method: str, result: dict[str, Any]) -> None:
        super().__init__(
            INVALID_REQUEST,
            f"The server answered {method} with a result of the type {result.get('resultType')!r}, "
            "which this client does not know. If it is an extension's, give the client the "
            "extension: Client(extensions=[...]).",
        )
        self.result = result


class Extensions:
    """All that one client has.

    Args:
        extensions: of the user.
        result_claims: further claims of these extensions, by their ids.
        others: ids that are declared besides.
    Raises:
        ValueError: an id that is none or comes twice, two claims or observers of one thing, or
            claims of an extension that is not there.
        TypeError: a mapping of extensions.
    """

    def __init__(
        self,
        extensions: Sequence[Any] | None = None,
        result_claims: Mapping[str, Sequence[Any]] | None = None,
        others: Iterable[str] = (),
    ) -> None:
        if isinstance(extensions, Mapping):
            raise TypeError(
                "extensions is a list of ClientExtension objects; for an id with settings and "
                "nothing else write advertise(identifier, settings)."
            )
        self._settings: dict[str, dict[str, Any]] = {}
        self._claims: dict[str, Any] = {}
        self._claimed_by: dict[str, list[Any]] = {}
        self.bindings: dict[str, Any] = {}
        for extension in extensions or ():
            self._add(extension)
        for identifier in others:
            if identifier not in self._settings:
                self._add(advertise(identifier))
        for identifier, claims in (result_claims or {}).items():
            if identifier not in self._settings:
                raise ValueError(
                    f"result_claims names {identifier!r}, which is not among the extensions."
                )
            self._claim(identifier, claims)

    def _add(self, extension: Any) -> None:
        identifier = getattr(extension, "identifier", None)
        if not isinstance(identifier, str):
            raise ValueError(f"{type(extension).__name__} has no identifier.")
        check_extension_id(identifier)
        if identifier in self._settings:
            raise ValueError(f"The extension {identifier!r} is there twice.")
        self._settings[identifier] = extension.settings()
        self._claim(identifier, extension.claims())
        for binding in extension.notifications():
            if binding.method in self.bindings:
                raise ValueError(f"Two extensions hear {binding.method!r}; one can.")
            self.bindings[binding.method] = binding

    def _claim(self, identifier: str, claims: Sequence[Any]) -> None:
        for claim in claims:
            if claim.result_type in self._claims:
                raise ValueError(f"resultType {claim.result_type!r} is claimed twice.")
            self._claims[claim.result_type] = claim
            self._claimed_by.setdefault(identifier, []).append(claim)

    def declared(self, version: str) -> dict[str, dict[str, Any]]:
        """What the capabilities say of them in a version of the protocol: not an extension all of
        whose claims mean nothing there."""
        return {
            identifier: settings
            for identifier, settings in self._settings.items()
            if identifier not in self._claimed_by
            or any(_exists(claim, version) for claim in self._claimed_by[identifier])
        }

    async def resolved(
        self, session: Any, version: str, name: str, result: dict[str, Any], timeout: float | None
    ) -> Any:
        """What the extension that claims it makes of a tool's result.

        Args:
            session: the client's.
            version: of the protocol that is spoken.
            name: of the tool.
            result: in a form that is not the protocol's own.
            timeout: seconds that a request may take.
        Raises:
            UnexpectedClaimedResult: no extension claims it.
            McpError: it does not have the form it says.
        """
        claim = self._claims.get(str(result.get("resultType")))
        if claim is None or not _exists(claim, version):
            raise UnexpectedClaimedResult("tools/call", result)
        try:
            claimed = claim.model.model_validate(result)
        except pydantic.ValidationError as exc:
            raise McpError(
                INVALID_REQUEST,
                f"The server's result of the type {claim.result_type!r} does not fit: {exc}",
            ) from exc
        context = ClaimContext(session=session, tool_name=name, read_timeout_seconds=timeout)
        return await claim.resolve(claimed, context)


def _exists(claim: Any, version: str) -> bool:
    versions = claim.protocol_versions or STATELESS_VERSIONS
    return version in STATELESS_VERSIONS and version in versions
