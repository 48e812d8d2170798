"""What tools, resources, templates and prompts have in common.

A component is a pydantic model that authors may subclass, copy and change. Its entry in a
listing is worked out at the first need and kept until a field is assigned: listings are asked
for far more often than components change.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, ClassVar, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from fastmcp.utilities.model_fields import Icons
from fastmcp.utilities.versions import coerce_version

__all__ = ["FastMCPComponent", "dump_model", "get_fastmcp_metadata"]

T = TypeVar("T")


class FastMCPComponent(BaseModel):
    """Base of everything a server offers.

    Args:
        name: what clients call it.
        version: any PEP 440 version for a defined order; `@` is refused.
        title: for people to read.
        description: for models to read.
        icons: shown by clients.
        tags: the author's own groups; listed under `_meta.fastmcp.tags`.
        meta: listed as `_meta`.
        auth: checks that decide who may see and use it.
    """

    # Most servers have components of one or two classes: pydantic builds what checks and dumps a
    # class when the first of it is made.
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    KEY_PREFIX: ClassVar[str] = ""

    name: str
    version: str | None = None
    title: str | None = None
    description: str | None = None
    icons: Icons = None
    tags: set[str] = Field(default_factory=set[str])
    meta: dict[str, Any] | None = None
    auth: Any = Field(default=None, exclude=True, repr=False)

    @field_validator("version", mode="before")
    @classmethod
    def _version_as_text(cls, value: Any) -> str | None:
        return coerce_version(value)

    @field_validator("tags", mode="before")
    @classmethod
    def _tags_as_set(cls, value: Any) -> Any:
        return set[str]() if value is None else value

    @property
    def identifier(self) -> str:
        """What a client names it by: the name; for resources the URI."""
        return self.name

    @property
    def key(self) -> str:
        """The registry's key: `tool:name@version`, the `@` also without a version."""
        return f"{self.make_key(self.identifier)}@{self.version or ''}"

    @classmethod
    def make_key(cls, identifier: str) -> str:
        """The part of the key that all versions share: `tool:name`."""
        return f"{cls.KEY_PREFIX}:{identifier}" if cls.KEY_PREFIX else identifier

    def get_meta(self) -> dict[str, Any]:
        """The `_meta` of a listing: the author's, with `fastmcp` facts added."""
        facts: dict[str, Any] = {"tags": sorted(self.tags)}
        if self.version is not None:
            facts["version"] = self.version
        meta = dict(self.meta or {})
        given: Any = meta.get("fastmcp") or {}
        if not isinstance(given, dict):
            raise TypeError(f"meta['fastmcp'] of {self.key} must be a dict, got {given!r}")
        meta["fastmcp"] = {**cast("dict[str, Any]", given), **facts}
        return meta

    def copy(self) -> Self:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A shallow copy that can be changed on its own."""
        return self.model_copy()

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        clone = super().model_copy(update=update, deep=deep)
        clone._forget()
        return clone

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        self._forget()

    def _forget(self) -> None:
        """Drop what was worked out from the fields."""
        vars(self).pop("_derived", None)

    def _derive(self, what: Hashable, make: Callable[[], T]) -> T:
        """Something worked out from the fields, kept until one is assigned."""
        derived: dict[Hashable, Any] = vars(self).setdefault("_derived", {})
        if what not in derived:
            derived[what] = make()
        return derived[what]

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        fields = type(self).model_fields
        return all(getattr(self, name) == getattr(other, name) for name in fields)

    def enable(self) -> None:
        """Not here: the server decides what is visible."""
        raise NotImplementedError(
            f"a component does not hold its visibility: use server.enable(keys={{'{self.key}'}})"
        )

    def disable(self) -> None:
        """Not here: the server decides what is visible."""
        raise NotImplementedError(
            f"a component does not hold its visibility: use server.disable(keys={{'{self.key}'}})"
        )

    def _wire_base(self) -> dict[str, Any]:
        """The entries every listing has, None left out."""
        entry: dict[str, Any] = {"name": self.name}
        if self.title is not None:
            entry["title"] = self.title
        if self.description is not None:
            entry["description"] = self.description
        if self.icons:
            entry["icons"] = [dump_model(icon) for icon in self.icons]
        entry["_meta"] = self.get_meta()
        return entry

    def to_wire(self) -> dict[str, Any]:
        """The JSON-ready entry of a listing. Not to be changed: it is kept and shared."""
        return self._derive("wire", self._make_wire)

    def _make_wire(self) -> dict[str, Any]:
        raise NotImplementedError(f"{type(self).__name__} must override _make_wire()")


def dump_model(model: BaseModel) -> dict[str, Any]:
    """A protocol model as JSON-ready dict: wire names, nothing that is None."""
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def get_fastmcp_metadata(meta: dict[str, Any] | None) -> dict[str, Any]:
    """The `fastmcp` facts in a `_meta`, wherever it comes from; empty if there are none."""
    for key in ("fastmcp", "_fastmcp"):
        found = (meta or {}).get(key)
        if found and isinstance(found, dict):
            return dict(cast("dict[str, Any]", found))
    return {}
