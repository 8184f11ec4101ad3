"""The module's AT port at work: serial line, framing, interpreter and URC queue on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from modemsim.at.catalogue import Catalogue
from modemsim.at.dialect import Dialect, Settings
from modemsim.at.result import ErrorTable, Final
from modemsim.timing import Timing
from modemsim.trace import Trace
from modemsim.ue.line_faults import LineFaults
from modemsim.ue.online import Session
from modemsim.ue.powered_port import PoweredPort
from modemsim.ue.terminal_parts import (
    Parts,
    Uart,
    check_delays,
    sleep_until,
)


class Terminal:
    """The AT port of one module: `start` at power-on, `stop` at power-off, `urc` in between.

    `receive_buffer`: bytes that can wait while a command runs; what comes beyond is lost and traced.
    ValueError: a command names a delay, or a data mode a time-out, that `timing` does not have.
    """

    def __init__(
        self,
        uart: Uart,
        *,
        catalogue: Catalogue,
        errors: ErrorTable,
        dialect: Dialect,
        settings: Settings,
        ue: Any,
        timing: Timing,
        trace: Trace,
        receive_buffer: int = 3136,
    ) -> None:
        self.faults = LineFaults(uart)
        self._parts = Parts(
            uart, catalogue, errors, dialect, settings, ue, timing, trace, receive_buffer, self.faults
        )
        self._port: PoweredPort | None = None
        self.on_urc_sent: Callable[[], None] = lambda: None
        """Called when no URC waits any more."""
        check_delays(catalogue, timing)

    @property
    def running(self) -> bool:
        """Whether the port is powered."""
        return self._port is not None

    @property
    def heard(self) -> bool:
        """Whether the host has sent a command line since power-on."""
        return self._port is not None and self._port.heard

    def start(self) -> None:
        """Power on: commands are taken from now on."""
        self.stop()
        self._port = PoweredPort(self._parts, lambda: self.on_urc_sent())
        self._parts.uart.receiver = self._port.receive
        self._parts.uart.on_error = self._port.line_error

    def stop(self) -> None:
        """Power off: everything is forgotten, the running command and waiting URCs included."""
        if self._port is not None:
            self._port.close()
            self._port = None
            self.faults.stop()

    def urc(self, line: str, *, in_command: bool = False) -> None:
        """Queue a URC, written with a space after the colon; lost while the port is off.

        `in_command`: an exception of the profile that goes out before the final result of the running
        command.
        """
        if self._port is not None:
            self._port.urc(line, in_command)

    @property
    def busy(self) -> bool:
        """A command runs or URCs wait."""
        return self._port is not None and self._port.busy

    @property
    def takes_data(self) -> bool:
        """What the host sends next is data: behind a prompt, or for the peer of a connection."""
        return self._port is not None and self._port.takes_data

    async def flushed(self) -> None:
        """Until every URC that waits only for idle line has left the module."""
        if self._port is not None:
            await self._port.let_urcs_out()
        await self.drained()

    def go_online(self, session: Session, *, opening: str = "", ending: str = Final.NO_CARRIER.text) -> None:
        """Enter transparent mode, behind the running command if there is one, whose last line was CONNECT.

        `opening`: a line that is still owed before it; `ending`: the line when the connection is over.
        """
        if self._port is not None:
            self._port.go_online(session, opening, ending)

    @property
    def urcs_waiting(self) -> int:
        """URCs that have not gone out yet."""
        return 0 if self._port is None else self._port.urcs_waiting

    def fit(self, line: str) -> str:
        """A line as this module spells it."""
        return self._parts.dialect.fit(line)

    async def drained(self) -> None:
        """Until the last byte sent has left the module."""
        while (idle_at := self.faults.idle_at()) > asyncio.get_running_loop().time():
            await sleep_until(idle_at)
