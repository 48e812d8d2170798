"""The front matter of a SKILL.md: YAML between two lines of three hyphens.

A host compares what a server says of it with what it reads in the file, field by field
("Frontmatter Verification"), so both have to read the same. YAML 1.2's core schema is what most
hosts parse: `yes`, `1.10.0` and `2026-01-31` are text, `true` and `1` are not. Whatever JSON cannot
say is refused, and with it everything that could make of few bytes a large value (aliases) or two
values of one (a key that stands there twice).

Source: YAML 1.2.2, 10.3.2; the Agent Skills specification (agentskills.io/specification).
"""

from __future__ import annotations

import math
import re
from typing import Any, Final, cast

import msgspec
import yaml

__all__ = ["InvalidSkill", "check", "parse", "split"]

_LARGEST: Final = 64 * 1024
"""Characters; the specification allows a description of 1024 characters."""
_BLOCK: Final = re.compile(r"---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME: Final = 64
_LONGEST_DESCRIPTION: Final = 1024
_TAG: Final = "tag:yaml.org,2002:"
_DECIMAL: Final = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"


class InvalidSkill(ValueError):
    """A directory is no skill, or none that every host would take; the text says why."""


def split(text: str) -> tuple[str | None, str]:
    """The front matter, None if there is none, and what comes after it."""
    text = text.removeprefix("\ufeff")
    found = _BLOCK.match(text)
    return (None, text) if found is None else (found[1], text[found.end() :])


def parse(block: str) -> dict[str, Any]:
    """The values of a front matter.

    Raises:
        InvalidSkill: it is no YAML, no mapping, or holds what JSON cannot say.
    """
    if len(block) > _LARGEST:
        raise InvalidSkill(f"its front matter is longer than {_LARGEST} characters")
    try:
        values = yaml.load(block, Loader=_Loader)  # noqa: S506 - a SafeLoader with less in it
        msgspec.json.encode(values)  # the largest integers, lone surrogates, depth
    except Exception as error:  # a parser can fail in more ways than it names; all of them are here
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InvalidSkill(f"its front matter cannot be read: {reason}") from error
    if not isinstance(values, dict):
        raise InvalidSkill("its front matter is no mapping")
    return cast("dict[str, Any]", values)


def check(frontmatter: dict[str, Any], directory: str) -> None:
    """Hold a front matter against the Agent Skills specification.

    Args:
        frontmatter: from `parse`.
        directory: the name of the skill's directory.
    Raises:
        InvalidSkill: it does not meet it.
    """
    name, description = frontmatter.get("name"), frontmatter.get("description")
    if not isinstance(name, str) or not isinstance(description, str) or not description.strip():
        raise InvalidSkill("its front matter needs a name and a description")
    if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise InvalidSkill(
            f"its name {name[:80]!r} is not made of 1 to {_LONGEST_NAME} lower-case letters and"
            " digits, with single hyphens between them"
        )
    if name != directory:
        raise InvalidSkill(f"its name is {name!r} and its directory's is {directory!r}")
    if len(description) > _LONGEST_DESCRIPTION:
        raise InvalidSkill(f"its description is longer than {_LONGEST_DESCRIPTION} characters")


class _Loader(yaml.SafeLoader):
    """JSON's values out of YAML, by the core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - add_implicit_resolver copies it
    yaml_constructors: dict[Any, Any] = {  # noqa: RUF012 - so does add_constructor
        None: yaml.SafeLoader.yaml_constructors[None],  # any other tag is an error
        **{
            _TAG + kind: yaml.SafeLoader.yaml_constructors[_TAG + kind]
            for kind in ("null", "str", "seq")
        },
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        events: Any = self  # PyYAML's own methods have no types
        if events.check_event(yaml.AliasEvent):
            raise ValueError("aliases are not supported")
        return super().compose_node(parent, index)


def _scalar(node: yaml.Node) -> str:
    """The text of a node. A tag that is written out may stand before any kind of node."""
    if not isinstance(node, yaml.ScalarNode):
        raise InvalidSkill(f"what {node.tag} stands before is no scalar")
    return node.value


def _boolean(loader: _Loader, node: yaml.Node) -> bool:
    return _scalar(node).lower() == "true"


def _integer(loader: _Loader, node: yaml.Node) -> int:
    text = _scalar(node)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _number(loader: _Loader, node: yaml.Node) -> float:
    text = _scalar(node)
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number of JSON")
    return value


def _mapping(loader: Any, node: yaml.Node) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise InvalidSkill(f"what {node.tag} stands before is no mapping")
    made: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError("a key is no text")
        if key.value in made:  # as written: JSON's keys are text
            raise ValueError(f"the key {key.value!r} stands there twice")
        made[key.value] = loader.construct_object(value, deep=True)
    return made


_loader: Any = _Loader
_Loader.add_constructor(_TAG + "bool", _boolean)
_Loader.add_constructor(_TAG + "int", _integer)
_Loader.add_constructor(_TAG + "float", _number)
_Loader.add_constructor(_TAG + "map", _mapping)
for _kind, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", rf"{_DECIMAL}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+0123456789.")),
):
    _loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)
