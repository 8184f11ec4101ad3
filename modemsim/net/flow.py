"""Datagrams on their way in one direction: each has its own latency, none overtakes the one ahead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Flow(Generic[T]):
    """A pipe with a latency for each item; `arrive` gets the items in the order they were put."""

    __slots__ = ("_arrive", "_queue", "_timer")

    def __init__(self, arrive: Callable[[T], None]) -> None:
        self._arrive = arrive
        self._queue: list[tuple[float, T]] = []
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, item: T, latency: float) -> float:
        """Send `item`; returns the seconds until it arrives."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        due = now + latency
        if self._queue:
            due = max(due, self._queue[-1][0])
        self._queue.append((due, item))
        if self._timer is None:
            self._timer = loop.call_at(due, self._due)
        return due - now

    def clear(self) -> None:
        """Forget what is on its way."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        _, item = self._queue.pop(0)
        if self._queue:
            self._timer = loop.call_at(self._queue[0][0], self._due)
        self._arrive(item)
