"""What a terminal is made of: the serial line as it needs it, and everything it shares with the module."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from modemsim.at.catalogue import Catalogue
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import Dialect, Settings
from modemsim.at.result import ErrorTable
from modemsim.timing import Timing
from modemsim.trace import Trace
from modemsim.ue.line_faults import Line, LineFaults

COMMAND_DELAY = "command"
"""Timing drawn before the answer to a line that is no known command (a bare AT, an unknown name)."""


class Uart(Line, Protocol):
    """The module's side of the serial line."""

    receiver: Callable[[bytes], None]
    """Called with the bytes that came from the host."""
    on_error: Callable[[str], None]
    """Called where a character was lost by a parity or framing error."""
    waiting: int
    """Bytes that came and were not looked at yet."""


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
    faults: LineFaults


async def sleep_until(instant: float) -> None:
    """Wait for an instant of the loop."""
    await asyncio.sleep(instant - asyncio.get_running_loop().time())


def settle(future: asyncio.Future[bool]) -> None:
    """Tell who waits that nothing came in time."""
    if not future.done():
        future.set_result(False)


def input_time(mode: DataMode, timing: Timing) -> float | None:
    """Seconds the host has for the data behind a prompt; None: as long as it likes."""
    wait = mode.timeout if mode.after is None else mode.after
    return timing.draw(wait) if isinstance(wait, str) else wait


def check_delays(catalogue: Catalogue, timing: Timing) -> None:
    """Raise ValueError for a delay that a command names and `timing` does not have."""
    names = {COMMAND_DELAY} | {command.delay for command in catalogue}
    waits = (command.data_mode.timeout for command in catalogue if command.data_mode)
    names |= {wait for wait in waits if isinstance(wait, str)}
    missing = sorted(name for name in names if name not in timing)
    if missing:
        raise ValueError(f"no timing is called {', '.join(missing)}")
