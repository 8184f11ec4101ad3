"""Downlink data of the platform on its way to the host: handed over at once, announced, or only stored."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum


class Delivery(IntEnum):
    """How new data reaches the host; the numbers are those of AT+NNMI (BC260Y CT guide 1.1, 2.3.5)."""

    STORE = 0
    DIRECT = 1
    ANNOUNCE = 2


class Downlinks:
    """The buffer behind NMGR and its counters since start (BC260Y CT guide 1.1, 2.3.4, 2.3.5 and 2.3.9)."""

    def __init__(
        self, max_messages: int, max_bytes: int, publish: Callable[..., None], history: int = 0
    ) -> None:
        self._messages: list[bytes] = []
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._publish = publish
        self._history = history
        self.recent: list[bytes] = []
        """The newest messages, read or not."""
        self.received = 0
        self.dropped = 0

    @property
    def buffered(self) -> int:
        """Messages waiting to be read."""
        return len(self._messages)

    def arrive(self, payload: bytes, delivery: Delivery, service: str = "cloud") -> None:
        """Take new data; announce, hand over or drop it (a full buffer refuses the newest)."""
        self.received += 1
        self.recent = [*self.recent, payload][-self._history :] if self._history else []
        if delivery is Delivery.DIRECT:
            text = payload.hex().upper()
            self._publish("downlink.direct", length=len(payload), data=text, service=service)
            return
        stored = sum(map(len, self._messages))
        if len(self._messages) >= self._max_messages or stored + len(payload) > self._max_bytes:
            self.dropped += 1
            self._publish("downlink.full")
            return
        if delivery is Delivery.ANNOUNCE:
            self._publish("downlink.waiting")
        self._messages.append(payload)

    def take(self) -> bytes | None:
        """The oldest message, removed from the buffer; None when it is empty."""
        return self._messages.pop(0) if self._messages else None

    def clear(self) -> None:
        """Forget data and counters, as a restart does."""
        self._messages.clear()
        self.recent.clear()
        self.received = self.dropped = 0
