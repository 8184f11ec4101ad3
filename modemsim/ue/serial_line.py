"""The serial line as the module sees it."""

from __future__ import annotations

from typing import Protocol

from modemsim.ue.terminal_parts import Uart


class SerialLine(Uart, Protocol):
    """The UART as the module drives it (see `modemsim.port.uart`)."""

    baud: int
    autobaud: bool
    powered: bool
    obeys_rts: bool
    uses_cts: bool
