"""The serial line as the module sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class SerialLine(Protocol):
    """The UART as the module drives it (see `modemsim.port.uart`)."""

    receiver: Callable[[bytes], None]
    on_error: Callable[[str], None]
    baud: int
    autobaud: bool
    powered: bool
    obeys_rts: bool
    uses_cts: bool
    waiting: int

    def send(self, data: bytes) -> None:
        """Queue bytes for the host."""
        ...

    def idle_at(self) -> float:
        """Instant at which the last queued byte has left, in loop seconds."""
        ...
