"""What a terminal is made of: the serial line as it needs it, and everything it shares with the module."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from modemsim.at.catalogue import Catalogue
from modemsim.at.dialect import Dialect, Settings
from modemsim.at.result import ErrorTable
from modemsim.timing import Timing
from modemsim.trace import Trace


class Uart(Protocol):
    """The module's side of the serial line."""

    receiver: Callable[[bytes], None]
    """Called with the bytes that came from the host."""

    def send(self, data: bytes) -> None:
        """Queue bytes for the host."""

    def idle_at(self) -> float:
        """loop.time() when the last queued byte will have left; not later than now when the line is idle."""


@dataclass(frozen=True)
class Parts:
    """What a terminal is made of at every power-on."""

    uart: Uart
    catalogue: Catalogue
    errors: ErrorTable
    dialect: Dialect
    settings: Settings
    ue: Any
    timing: Timing
    trace: Trace
    receive_buffer: int
