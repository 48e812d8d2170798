"""Parameters that get their value from the call, not from the client.

A parameter asks for this in one of two ways:

* its annotation is a class with a static `__fastmcp_inject__()`, which returns the value for
  the call in progress (`Context` is such a class). With a default, the default is used where
  no call is in progress;
* its default (or an `Annotated` item) is a `Dependency`: `Depends(factory)`, `Shared(factory)`
  or a subclass of an author's.

This is the marker that lets tools, resources and prompts be given a context without importing
the server. An `Injection` is made once per function; a function that asks for nothing has none.
"""

from __future__ import annotations

import asyncio
import inspect
import types
import weakref
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Annotated, Any, Generic, TypeVar, Union, cast, get_args, get_origin

from fastmcp.exceptions import FastMCPError
from fastmcp.utilities.hints import EMPTY, callable_label, resolve_hints

__all__ = ["Dependency", "Depends", "Injection", "Shared", "find_injection", "hold_shared"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Dependency(Generic[T_co]):
    """Base of everything a parameter may have as a default to be given a value per call.

    Subclasses override `resolve`, or `__aenter__` and `__aexit__` when something has to be
    closed after the call.
    """

    async def resolve(self) -> T_co:
        """The value for the call in progress."""
        raise NotImplementedError(f"{type(self).__name__} must override resolve()")

    async def __aenter__(self) -> T_co:
        return await self.resolve()

    async def __aexit__(self, *exc_info: object) -> None:
        return None


class _Factory(Dependency[Any]):
    """A dependency made by a function of the author's."""

    def __init__(self, factory: Callable[..., Any]) -> None:
        if not callable(factory):
            raise TypeError(f"a dependency needs a function that makes it, got {factory!r}")
        self.factory = factory
        self._make: Callable[..., Any] = factory
        if inspect.isgeneratorfunction(factory):
            self._make = contextmanager(factory)
        elif inspect.isasyncgenfunction(factory):
            self._make = asynccontextmanager(factory)
        self._injection: Injection | None = None
        self._analysed = False

    async def make(self, scope: Scope) -> Any:
        """Call the factory; what it opens is closed by `scope`."""
        if not self._analysed:
            # Late on purpose: annotations may name classes defined after the factory.
            self._injection = find_injection(self.factory)
            self._analysed = True
        needs = {} if self._injection is None else await self._injection.resolve(scope)
        value = self._make(**needs)
        if isinstance(value, AbstractAsyncContextManager):
            return await scope.stack.enter_async_context(cast("Any", value))
        if isinstance(value, AbstractContextManager):
            return scope.stack.enter_context(cast("Any", value))
        return await value if inspect.isawaitable(value) else value


class _Depends(_Factory):
    def __init__(self, factory: Callable[..., Any], use_cache: bool) -> None:
        super().__init__(factory)
        self.use_cache = use_cache


class _Shared(_Factory):
    pass


def Depends(factory: Callable[..., Any], *, use_cache: bool = True) -> Any:  # noqa: N802
    """As a parameter's default: give it what `factory` makes, anew for every call.

    Args:
        factory: a function, sync or async. If it is a generator function, or returns a context
            manager, the value is what it yields, and it is closed when the call has ended. Its
            own parameters may be injected in turn.
        use_cache: make it once per call however many parameters ask for it.
    """
    return _Depends(factory, use_cache)


def Shared(factory: Callable[..., Any]) -> Any:  # noqa: N802
    """As a parameter's default: give it what `factory` makes, once for the whole process."""
    return _Shared(factory)


class Scope:
    """One call's dependencies: what was made so far, and what has to be closed after it."""

    __slots__ = ("cache", "stack")

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stack = stack
        self.cache: dict[Callable[..., Any], Any] = {}

    async def value_of(self, dependency: Dependency[Any]) -> Any:
        if isinstance(dependency, _Shared):
            return await _shared_of_loop().value_of(dependency)
        if isinstance(dependency, _Depends):
            if not dependency.use_cache:
                return await dependency.make(self)
            if dependency.factory not in self.cache:
                self.cache[dependency.factory] = await dependency.make(self)
            return self.cache[dependency.factory]
        return await self.stack.enter_async_context(cast("Any", dependency))


class _SharedValues:
    """What `Shared` factories made, for as long as their event loop lives."""

    def __init__(self) -> None:
        self.users = 0
        self.scope = Scope(AsyncExitStack())
        self.lock = asyncio.Lock()

    async def value_of(self, dependency: _Shared) -> Any:
        cache = self.scope.cache
        if dependency.factory not in cache:
            async with self.lock:
                if dependency.factory not in cache:
                    cache[dependency.factory] = await dependency.make(_Nested(self.scope))
        return cache[dependency.factory]


class _Nested(Scope):
    """The scope a shared factory's own parameters are made in: the lock is already held."""

    __slots__ = ()

    def __init__(self, outer: Scope) -> None:
        self.stack = outer.stack
        self.cache = outer.cache

    async def value_of(self, dependency: Dependency[Any]) -> Any:
        if isinstance(dependency, _Shared):
            if dependency.factory not in self.cache:
                self.cache[dependency.factory] = await dependency.make(self)
            return self.cache[dependency.factory]
        return await super().value_of(dependency)


# A shared value (a connection pool, a client) belongs to the event loop it was made in.
_shared: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _SharedValues] = (
    weakref.WeakKeyDictionary()
)


def _shared_of_loop() -> _SharedValues:
    loop = asyncio.get_running_loop()
    values = _shared.get(loop)
    if values is None:
        values = _shared[loop] = _SharedValues()
    return values


@asynccontextmanager
async def hold_shared() -> AsyncGenerator[None]:
    """Keep what `Shared` factories make in this event loop, for the length of a run.

    Several servers may run in one loop; what they share is closed when the last one ends.
    """
    values = _shared_of_loop()
    values.users += 1
    try:
        yield
    finally:
        values.users -= 1
        if values.users == 0:
            _shared.pop(asyncio.get_running_loop(), None)
            await values.scope.stack.aclose()


class Injection:
    """Which parameters of one function are injected, and how.

    Args:
        label: the function's name, for errors.
        markers: parameter -> (the class that injects, the parameter's default or EMPTY).
        dependencies: parameter -> dependency.
    """

    __slots__ = ("dependencies", "label", "markers")

    def __init__(
        self,
        label: str,
        markers: Mapping[str, tuple[Any, Any]],
        dependencies: Mapping[str, Dependency[Any]],
    ) -> None:
        self.label = label
        self.markers = markers
        self.dependencies = dependencies

    @property
    def names(self) -> frozenset[str]:
        """The injected parameters, which no client may name."""
        return frozenset(self.markers) | frozenset(self.dependencies)

    @property
    def needs_scope(self) -> bool:
        """Whether something may have to be awaited or closed: else `mark` alone suffices."""
        return bool(self.dependencies)

    def mark(self, kwargs: dict[str, Any]) -> None:
        """Add to `kwargs` what comes from annotations. Synchronous: the fast way."""
        for name, (cls, default) in self.markers.items():
            try:
                kwargs[name] = cls.__fastmcp_inject__()
            except RuntimeError:
                # Outside of a call there is nothing to give; `ctx: Context = None` allows that.
                if default is EMPTY:
                    raise
                kwargs[name] = default

    async def resolve(self, scope: Scope) -> dict[str, Any]:
        """Every injected value, made within `scope`.

        Raises:
            FastMCPError: as a factory raised it.
            RuntimeError: a factory failed; its error is the cause.
        """
        values: dict[str, Any] = {}
        self.mark(values)
        for name, dependency in self.dependencies.items():
            try:
                values[name] = await scope.value_of(dependency)
            except FastMCPError:
                raise
            except Exception as error:
                raise RuntimeError(
                    f"Failed to resolve dependency '{name}' for {self.label}"
                ) from error
        return values

    @asynccontextmanager
    async def values(self) -> AsyncGenerator[dict[str, Any]]:
        """Every injected value, for the length of one call."""
        async with AsyncExitStack() as stack:
            yield await self.resolve(Scope(stack))


def find_injection(
    fn: Callable[..., Any], hints: Mapping[str, Any] | None = None
) -> Injection | None:
    """What `fn` wants injected; None if nothing.

    Args:
        fn: any callable with a signature.
        hints: its resolved annotations, where the caller has them already.
    """
    try:
        parameters = inspect.signature(fn).parameters
    except ValueError:
        return None  # a builtin: it cannot ask for anything
    if hints is None:
        hints = resolve_hints(fn)
    markers: dict[str, tuple[Any, Any]] = {}
    dependencies: dict[str, Dependency[Any]] = {}
    for name, parameter in parameters.items():
        hint = hints.get(name, EMPTY)
        default: Any = parameter.default
        if isinstance(default, Dependency):
            dependencies[name] = cast("Dependency[Any]", default)
        elif (dependency := _annotated_dependency(hint)) is not None:
            dependencies[name] = dependency
        elif (cls := _marker(hint)) is not None:
            markers[name] = (cls, default)
    if not markers and not dependencies:
        return None
    return Injection(callable_label(fn), markers, dependencies)


def _annotated_dependency(hint: Any) -> Dependency[Any] | None:
    if get_origin(hint) is Annotated:
        for item in get_args(hint)[1:]:
            if isinstance(item, Dependency):
                return cast("Dependency[Any]", item)
    return None


def _marker(hint: Any) -> Any | None:
    """The injecting class in `T`, `T | None`, `Optional[T]` or `Annotated[T, ...]`."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _marker(get_args(hint)[0])
    if origin is Union or origin is types.UnionType:
        for member in get_args(hint):
            if (found := _marker(member)) is not None:
                return found
        return None
    cls = origin if inspect.isclass(origin) else hint
    if inspect.isclass(cls) and hasattr(cls, "__fastmcp_inject__"):
        return cls
    return None
