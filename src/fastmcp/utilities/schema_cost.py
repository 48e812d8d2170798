"""How often a schema is looked at while a value is held against it, before that is done.

References let a few hundred bytes of schema describe more work than there is time for: a chain of
definitions that name the next one twice doubles with each, and so does a recursive alternative
with each level of the value. Validators work it off step by step. So the steps are counted first,
without taking them: what is applied to a part of a value, and how often, is a state; a member or
an item leads to the next; and values repeat their states, so that a part costs one look-up. Of a
schema without recursion and with few parts, as nearly all are, nothing has to be counted.

Source: JSON Schema 2020-12 core, 7.5 and 9.4.1 (infinite recursion), 10 (applicators).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import unquote, urldefrag, urljoin

__all__ = ["SchemaCost"]

_MOST_STEPS: Final = 2_000_000
"""Some hundredths of a second."""
_FEW_STEPS: Final = 1000
"""For each part of a value: with so few, its size alone decides."""
_MOST_STATES: Final = 1000
"""That are remembered."""

_HERE_ONE: Final = ("not", "if", "then", "else")
_HERE_MANY: Final = ("allOf", "anyOf", "oneOf")
_HERE_NAMED: Final = ("dependentSchemas", "dependencies")
_MEMBERS: Final = ("additionalProperties", "unevaluatedProperties", "propertyNames")
_ITEMS: Final = ("items", "additionalItems", "unevaluatedItems", "contains")
_DATA: Final = frozenset({"default", "const", "enum", "examples"})

Schema = Mapping[str, Any]


class SchemaCost:
    """The steps of one schema.

    Args:
        document: a schema that a validator has taken.
    Raises:
        ValueError: it applies itself to the same value without end, or takes too many steps for
            any value.
    """

    def __init__(self, document: Any) -> None:
        self._nodes: list[Schema] = []
        self._index: dict[int, int] = {}
        self._bases: list[str] = []
        self._places: dict[str, int] = {}
        self._dynamic: dict[str, list[int]] = {}
        self._collect(document, "")
        numbers = range(len(self._nodes))
        self._here = [self._in_place(number) for number in numbers]
        order = _sorted(self._here)
        if order is None:
            raise ValueError("it applies itself to the same value without end")
        self._order = order
        self._states: dict[tuple[tuple[int, int], ...], _State] = {}
        self._first = self._state({0: 1} if self._nodes else {})
        if self._first.steps > _MOST_STEPS:
            raise ValueError("it applies its parts too often to one value")
        self._names = {name for number in numbers for name, _ in self._members(number)}
        places = (place for number in numbers for place, _ in self._items(number))
        self._places_told = max((place + 1 for place in places if place is not None), default=0)
        below = [[*self._here[number], *self._below(number)] for number in numbers]
        self._is_small = _ways(below) <= _FEW_STEPS

    def is_too_much(self, value: Any) -> bool:
        """Whether holding a value against it takes too many steps."""
        if self._is_small:
            return False
        steps = 0
        waiting: list[tuple[Any, _State]] = [(value, self._first)]
        while waiting and steps <= _MOST_STEPS:
            part, state = waiting.pop()
            steps += state.steps
            if not state.leads_on:
                continue
            if isinstance(part, Mapping):
                for name, member in cast("Mapping[str, Any]", part).items():
                    waiting.append((member, self._member(state, name)))
            elif isinstance(part, (list, tuple)):
                for place, item in enumerate(cast("list[Any]", part)):
                    waiting.append((item, self._item(state, place)))
        return steps > _MOST_STEPS

    # --- the parts of the schema, and which of them apply to what ------------------------------

    def _collect(self, document: Any, base: str) -> None:
        waiting: list[tuple[Any, str]] = [(document, base)]
        while waiting:
            part, base = waiting.pop()
            if isinstance(part, list):
                waiting += [(one, base) for one in cast("list[Any]", part)]
            if not isinstance(part, Mapping):
                continue
            node = cast("Schema", part)
            if id(node) in self._index:
                continue
            number = len(self._nodes)
            self._index[id(node)] = number
            self._nodes.append(node)
            if isinstance(node.get("$id"), str):
                base = urldefrag(urljoin(base, node["$id"])).url
            if not number or isinstance(node.get("$id"), str):
                self._places.setdefault(base, number)
            self._bases.append(base)
            for word in ("$anchor", "$dynamicAnchor"):
                if isinstance(node.get(word), str):
                    self._places[f"{base}#{node[word]}"] = number
            if isinstance(node.get("$dynamicAnchor"), str):
                self._dynamic.setdefault(node["$dynamicAnchor"], []).append(number)
            waiting += [(inner, base) for word, inner in node.items() if word not in _DATA]

    def _numbers(self, parts: Iterable[Any]) -> list[int]:
        found = (self._index.get(id(part)) for part in parts)
        return [number for number in found if number is not None]

    def _in_place(self, number: int) -> list[int]:
        """The parts that a part applies to the same value."""
        node = self._nodes[number]
        parts: list[Any] = [node.get(word) for word in _HERE_ONE]
        for word in _HERE_MANY:
            parts += _list(node.get(word))
        for word in _HERE_NAMED:
            parts += _dict(node.get(word)).values()
        found = self._numbers(parts)
        for word in ("$ref", "$dynamicRef", "$recursiveRef"):
            if isinstance(node.get(word), str):
                found += self._referred(number, node[word])
        name = str(node.get("$dynamicRef", "")).rpartition("#")[2]
        return found + self._dynamic.get(name, [])

    def _referred(self, number: int, reference: str) -> list[int]:
        url, fragment = urldefrag(urljoin(self._bases[number], reference))
        anchored = self._places.get(f"{url}#{fragment}") if fragment else None
        if anchored is not None:
            return [anchored]
        start = self._places.get(url)
        if start is None:
            return []  # a dialect's own schema
        target: Any = self._nodes[start]
        for step in filter(None, unquote(fragment).split("/")):
            step = step.replace("~1", "/").replace("~0", "~")
            if isinstance(target, Mapping):
                target = cast("Schema", target).get(step)
            else:
                items = _list(target)
                target = items[int(step)] if step.isdecimal() and int(step) < len(items) else None
        return self._numbers([target])

    def _members(self, number: int) -> Iterator[tuple[str | None, int]]:
        """The parts that a part applies to members of an object: of one name, or of any."""
        node = self._nodes[number]
        for name, part in _dict(node.get("properties")).items():
            for found in self._numbers([part]):
                yield name, found
        parts = [*(node.get(word) for word in _MEMBERS)]
        parts += _dict(node.get("patternProperties")).values()
        for found in self._numbers(parts):
            yield None, found

    def _items(self, number: int) -> Iterator[tuple[int | None, int]]:
        """The parts that a part applies to items of a list: at one place, or at any."""
        node = self._nodes[number]
        parts: list[Any] = []
        for word in _ITEMS:
            given = node.get(word)
            if isinstance(given, list):  # of the drafts before 2020-12
                yield from self._placed(cast("list[Any]", given))
            else:
                parts.append(given)
        yield from self._placed(_list(node.get("prefixItems")))
        for found in self._numbers(parts):
            yield None, found

    def _placed(self, parts: list[Any]) -> Iterator[tuple[int, int]]:
        for place, part in enumerate(parts):
            for found in self._numbers([part]):
                yield place, found

    def _below(self, number: int) -> Iterator[int]:
        for _, part in self._members(number):
            yield part
        for _, part in self._items(number):
            yield part

    # --- states --------------------------------------------------------------------------------

    def _state(self, applied: dict[int, int]) -> _State:
        key = tuple(sorted(applied.items()))
        found = self._states.get(key)
        if found is None:
            if len(self._states) >= _MOST_STATES:
                self._states.clear()
            for number in self._order:
                times = applied.get(number, 0)
                if times:
                    for part in self._here[number]:
                        applied[part] = applied.get(part, 0) + times
            found = self._states[key] = _State(applied)
            found.leads_on = any(True for number in applied for _ in self._below(number))
        return found

    def _member(self, state: _State, name: str) -> _State:
        name = name if name in self._names else ""  # all others are alike
        known = state.members.get(name)
        if known is None:
            applied: dict[int, int] = {}
            for number, times in state.applied.items():
                for wanted, part in self._members(number):
                    if wanted is None or wanted == name:
                        applied[part] = applied.get(part, 0) + times
            known = state.members[name] = self._state(applied)
        return known

    def _item(self, state: _State, place: int) -> _State:
        place = min(place, self._places_told)
        known = state.items.get(place)
        if known is None:
            applied: dict[int, int] = {}
            for number, times in state.applied.items():
                for wanted, part in self._items(number):
                    if wanted is None or wanted == place:
                        applied[part] = applied.get(part, 0) + times
            known = state.items[place] = self._state(applied)
        return known


class _State:
    """What is applied to a part of a value, each part of the schema how often."""

    __slots__ = ("applied", "items", "leads_on", "members", "steps")

    def __init__(self, applied: dict[int, int]) -> None:
        self.applied = applied
        self.steps = sum(applied.values())
        self.leads_on = False
        self.members: dict[str, _State] = {}
        self.items: dict[int, _State] = {}


def _sorted(edges: list[list[int]]) -> list[int] | None:
    """An order in which no edge leads back; None where there is none."""
    owed = [0] * len(edges)
    for targets in edges:
        for target in targets:
            owed[target] += 1
    ready = [number for number, count in enumerate(owed) if not count]
    order: list[int] = []
    while ready:
        number = ready.pop()
        order.append(number)
        for target in edges[number]:
            owed[target] -= 1
            if not owed[target]:
                ready.append(target)
    return order if len(order) == len(edges) else None


def _ways(edges: list[list[int]]) -> float:
    """How many ways lead from the first part to any; endless where one leads back."""
    order = _sorted(edges)
    if order is None:
        return math.inf
    ways = [0] * len(edges)
    ways[:1] = [1] * bool(edges)
    for number in order:
        for target in edges[number]:
            ways[target] += ways[number]
    return sum(ways)


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _dict(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
