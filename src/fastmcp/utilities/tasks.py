"""How a tool may run as a task: what an author says with `task=`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypeAlias

__all__ = ["TaskConfig", "TaskMeta", "TaskMode", "task_config"]

TaskMode: TypeAlias = Literal["forbidden", "optional", "required"]

_MODES = ("forbidden", "optional", "required")
_MILLISECOND = timedelta(milliseconds=1)


@dataclass
class TaskConfig:
    """Whether a tool may run as a task, and how often clients shall look after it.

    Args:
        mode: "forbidden" answers every call with its result; "optional" answers a client that
            knows tasks with a task, and others with the result; "required" refuses the others.
        poll_interval: the pause between two looks at the task that clients are advised to make.
    Raises:
        ValueError: no such mode, or a pause of less than a millisecond.
    """

    mode: TaskMode = "optional"
    poll_interval: timedelta = timedelta(seconds=5)

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise ValueError(f"TaskConfig(mode=...) is one of {', '.join(_MODES)}")
        if self.poll_interval < _MILLISECOND:
            raise ValueError("TaskConfig(poll_interval=...) must be at least a millisecond")

    @classmethod
    def from_bool(cls, value: bool) -> TaskConfig:
        """What `task=True` and `task=False` mean."""
        return cls(mode="optional" if value else "forbidden")

    def supports_tasks(self) -> bool:
        """Whether the tool can run as a task at all."""
        return self.mode != "forbidden"

    @property
    def poll_interval_ms(self) -> int:
        """The pause in milliseconds, as the protocol counts it."""
        return self.poll_interval // _MILLISECOND


@dataclass
class TaskMeta:
    """What a request said of the task it wanted, in the protocol's older revisions. Clients do
    not say it any more: the server decides (2026-07-28, tasks extension).

    Attributes:
        ttl: milliseconds to keep the task, or None.
        fn_key: which function it runs, or None.
    """

    ttl: int | None = None
    fn_key: str | None = None


def task_config(value: Any) -> TaskConfig:
    """The `task=` of a decorator as a `TaskConfig`.

    Raises:
        TypeError: it is neither a bool, nor a `TaskConfig`, nor None.
    """
    if value is None or isinstance(value, bool):
        return TaskConfig.from_bool(bool(value))
    if isinstance(value, TaskConfig):
        return value
    raise TypeError(f"task= is True, False or a TaskConfig, not {value!r}")
