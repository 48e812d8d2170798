"""How often a schema is looked at while a value is held against it, before that is done.

References let a few hundred bytes of schema describe more work than there is time for: a chain of
definitions that name the next one twice doubles with each, and so does a recursive alternative
with each level of the value. Validators work it off step by step. So the steps are counted first,
without taking them: what is applied to a part of a value, and how often, is a state; a member or
an item leads to the next; and values repeat their states, so that a part costs one look-up. Of a
schema without recursion and with few parts, as nearly all are, nothing has to be counted.

Counting must not become the work it prevents: a new state costs no more than the steps it stands
for. How many steps a part takes in its place is summed up once, parts that say nothing of members
or items are left out of states, and what a name or a place leads to is looked up by that name.

Source: JSON Schema 2020-12 core, 7.5 and 9.4.1 (infinite recursion), 10 (applicators).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast
from urllib.parse import unquote, urldefrag, urljoin

__all__ = ["SchemaCost"]

_MOST_STEPS: Final = 2_000_000
"""Some hundredths of a second."""
_FEW_STEPS: Final = 100
"""For each part of a value: with so few, its size alone decides."""
_MOST_REMEMBERED: Final = 100_000
"""Entries of all states, from one value to the next."""

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
        own = [1 + _compared(node) for node in self._nodes]
        self._steps = _ways(self._here, order, own)
        if self._nodes and self._steps[0] > _MOST_STEPS:
            raise ValueError("it applies its parts too often to one value")
        self._told: dict[str | int, dict[int, list[int]]] = {}
        self._any_member: list[list[int]] = [[] for _ in numbers]
        self._any_item: list[list[int]] = [[] for _ in numbers]
        below = [[*parts] for parts in self._here]
        for number in numbers:
            below[number] += self._tell(number)
        all_order = _sorted(below)
        self._is_small = not self._nodes or (
            all_order is not None and _ways(below, all_order, own)[0] <= _FEW_STEPS
        )
        self._rank = {number: rank for rank, number in enumerate(order)}
        self._lead(order, below)
        self._forget()

    def is_too_much(self, value: Any) -> bool:
        """Whether holding a value against it takes too many steps."""
        if self._is_small:
            return False
        if self._remembered > _MOST_REMEMBERED:
            self._forget()
        left = _MOST_STEPS - self._first.steps
        waiting: list[tuple[Any, _State]] = [(value, self._first)]
        while waiting:
            part, state = waiting.pop()
            if not state.applied:
                continue
            inner: Iterable[tuple[str | int, Any]]
            if isinstance(part, Mapping):
                inner, known, find = cast("Schema", part).items(), state.members, self._member
            elif isinstance(part, (list, tuple)):
                inner, known, find = enumerate(cast("list[Any]", part)), state.items, self._item
            else:
                continue
            for key, one in inner:
                told = key if key in self._told else None  # all others are alike
                following = known.get(told)
                if following is None:
                    following = known[told] = find(state, told)
                    self._remembered += 1
                left += _FEW_STEPS - following.steps
                if left < 0:
                    return True
                if following.applied and isinstance(one, (Mapping, list, tuple)):
                    waiting.append((cast("Any", one), following))
        return False

    # --- the parts of the schema, and which of them apply to what ------------------------------

    def _collect(self, document: Any, base: str) -> None:
        waiting: list[tuple[Any, str]] = [(document, base)]
        while waiting:
            part, base = waiting.pop()
            if isinstance(part, list):
                waiting += [(one, base) for one in cast("list[Any]", part)]
            if not isinstance(part, (Mapping, bool)) or id(cast("Any", part)) in self._index:
                continue
            node: Schema = {} if isinstance(part, bool) else cast("Schema", part)
            number = len(self._nodes)
            self._index[id(cast("Any", part))] = number
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

    def _tell(self, number: int) -> list[int]:
        """Enters what a part applies to members and items, and returns it."""
        found: list[int] = []
        for inner, to_any in (
            (self._members(number), self._any_member),
            (self._items(number), self._any_item),
        ):
            for key, part in inner:
                found.append(part)
                if key is None:
                    to_any[number].append(part)
                else:
                    self._told.setdefault(key, {}).setdefault(number, []).append(part)
        return found

    def _lead(self, order: list[int], below: list[list[int]]) -> None:
        """Finds the parts that lead on to members or items, themselves or by others in place."""
        self._on: list[list[int]] = [[] for _ in order]
        self._stands: list[int | None] = [None] * len(order)
        for number in reversed(order):
            parts = (self._stands[part] for part in self._here[number])
            on = self._on[number] = [part for part in parts if part is not None]
            if len(below[number]) > len(self._here[number]):
                self._stands[number] = number
            elif on:  # what only refers is what it refers to
                self._stands[number] = on[0] if len(on) == 1 else number

    # --- states --------------------------------------------------------------------------------

    def _forget(self) -> None:
        self._remembered = 0
        self._states: dict[tuple[int, tuple[tuple[int, int], ...]], _State] = {}
        self._first = self._state([(0, 1)] if self._nodes else [])

    def _state(self, applied: Iterable[tuple[int, int]]) -> _State:
        """Of parts and how often each is applied."""
        steps = 0
        leading: dict[int, int] = {}
        for part, times in applied:
            steps += self._steps[part] * times
            stands = self._stands[part]
            if stands is not None:
                leading[stands] = leading.get(stands, 0) + times
        key = (steps, tuple(sorted(leading.items())))
        found = self._states.get(key)
        if found is None:
            found = self._states[key] = _State(steps, leading)
            self._remembered += 1 + len(leading)
        return found

    def _spread(self, state: _State) -> None:
        """Adds what the parts of a state apply in place."""
        if state.is_spread:
            return
        state.is_spread = True
        applied = state.applied
        waiting = [(self._rank[number], number) for number in applied]
        heapq.heapify(waiting)
        while waiting:
            _, number = heapq.heappop(waiting)
            times = applied[number]
            for part in self._on[number]:
                if part not in applied:
                    heapq.heappush(waiting, (self._rank[part], part))
                applied[part] = applied.get(part, 0) + times
        self._remembered += len(applied)
        for any_of, found in (
            (self._any_member, state.any_member),
            (self._any_item, state.any_item),
        ):
            for number, times in applied.items():
                for part in any_of[number]:
                    found[part] = found.get(part, 0) + times

    def _member(self, state: _State, name: str | int | None) -> _State:
        self._spread(state)
        return self._following(state, name, state.any_member)

    def _item(self, state: _State, place: str | int | None) -> _State:
        self._spread(state)
        return self._following(state, place, state.any_item)

    def _following(self, state: _State, key: str | int | None, to_any: dict[int, int]) -> _State:
        applied = list(to_any.items())
        if key is not None:
            told = self._told[key]
            fewer = told if len(told) < len(state.applied) else state.applied
            for number in fewer:
                times = state.applied.get(number)
                if times is not None:
                    applied += [(part, times) for part in told.get(number, ())]
        return self._state(applied)


class _State:
    """What is applied to a part of a value, each part of the schema that leads on how often."""

    __slots__ = ("any_item", "any_member", "applied", "is_spread", "items", "members", "steps")

    def __init__(self, steps: int, applied: dict[int, int]) -> None:
        self.steps = steps
        self.applied = applied
        self.is_spread = False
        self.any_member: dict[int, int] = {}
        self.any_item: dict[int, int] = {}
        self.members: dict[str | int | None, _State] = {}
        self.items: dict[str | int | None, _State] = {}


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


def _ways(edges: list[list[int]], order: list[int], own: list[int]) -> list[int]:
    """What each part and all that it leads to come to, at most one more than there may be steps."""
    ways = list(own)
    for number in reversed(order):
        ways[number] += sum(ways[target] for target in edges[number])
        ways[number] = min(ways[number], _MOST_STEPS + 1)
    return ways


def _compared(node: Schema) -> int:
    """How many constants a value is held against one by one: such that are no plain values."""
    options = _list(node.get("enum"))
    return len(options) if any(isinstance(option, (Mapping, list)) for option in options) else 0


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _dict(value: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
