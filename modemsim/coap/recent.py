"""A memory that forgets by itself and needs no timer: for duplicates, resets and block transfers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by key, each for its lifetime in seconds; expired ones go when something is added."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._items: dict[K, tuple[float, V]] = {}

    def __contains__(self, key: K) -> bool:
        return key in self._items and self._items[key][0] > self._now()

    def add(self, key: K, value: V, lifetime: float) -> None:
        """Remember `value` for `lifetime` seconds, and forget what has expired."""
        now = self._now()
        while self._items and self._items[oldest := next(iter(self._items))][0] <= now:
            del self._items[oldest]
        self._items.pop(key, None)
        self._items[key] = (now + lifetime, value)

    def get(self, key: K) -> V | None:
        """The value, or None when nothing (any more) is known."""
        return self._items[key][1] if key in self else None

    def update(self, key: K, value: V) -> None:
        """Replace the value of a known key, which keeps its lifetime."""
        if key in self:
            self._items[key] = (self._items[key][0], value)

    def take(self, key: K) -> V | None:
        """The value, which is forgotten by this."""
        value = self.get(key)
        self._items.pop(key, None)
        return value

    def clear(self) -> None:
        """Forget everything."""
        self._items.clear()
