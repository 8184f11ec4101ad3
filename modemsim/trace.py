"""The one structured record of everything that happened, and the sinks that show or keep it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any

Sink = Callable[["Record"], None]


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened: simulated seconds, layer ("at", "air", "coap", ...), event, details."""

    time: float
    layer: str
    event: str
    fields: dict[str, Any]

    def to_json(self) -> str:
        """One JSON line; bytes are shown as hex."""
        data = {"t": round(self.time, 6), "layer": self.layer, "event": self.event, **self.fields}
        return json.dumps(data, default=_jsonable, ensure_ascii=False)


def _jsonable(value: object) -> object:
    return value.hex() if isinstance(value, bytes | bytearray) else str(value)


class Trace:
    """Collects records, keeps the newest ones and hands each to every subscribed sink."""

    def __init__(self, now: Callable[[], float], *, keep: int = 5000) -> None:
        self._now = now
        self._sinks: list[Sink] = []
        self._recent: deque[Record] = deque(maxlen=keep)

    def emit(self, layer: str, event: str, **fields: Any) -> None:
        """Record that `event` happened in `layer` now."""
        self._keep(Record(self._now(), layer, event, fields))

    def _keep(self, record: Record) -> None:
        self._recent.append(record)
        self._tell(record)

    def _tell(self, record: Record) -> None:
        for sink in tuple(self._sinks):
            sink(record)

    def subscribe(self, sink: Sink) -> Callable[[], None]:
        """Send every later record to `sink`; returns the function that ends it."""
        self._sinks.append(sink)

        def unsubscribe() -> None:
            if sink in self._sinks:
                self._sinks.remove(sink)

        return unsubscribe

    def recent(self) -> Iterator[Record]:
        """The records still kept, oldest first."""
        return iter(tuple(self._recent))


class Branch(Trace):
    """The part of a trace that one module writes: its sinks hear of that module alone."""

    def __init__(self, trunk: Trace) -> None:
        self._now, self._recent, self._sinks = trunk._now, trunk._recent, []
        self._trunk = trunk

    def _keep(self, record: Record) -> None:
        self._trunk._keep(record)
        self._tell(record)


class JsonLines:
    """A sink that writes one JSON object a line (`--trace FILE`)."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def __call__(self, record: Record) -> None:
        self._file.write(record.to_json() + "\n")
        self._file.flush()


def host_port(address: tuple[str, int]) -> str:
    """`ip:port`, as traces and the control API show it."""
    return f"{address[0]}:{address[1]}"


def printable(data: bytes) -> str:
    """Bytes from a serial line as one readable line: control characters shown as \\r, \\n, \\x1a."""
    return "".join(chr(b) if 32 <= b < 127 else {13: "\\r", 10: "\\n"}.get(b, f"\\x{b:02x}") for b in data)
