"""A serial port over TCP with its control lines: Telnet COM port control (RFC 2217)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from serial.rfc2217 import PortManager

from modemsim.port.tcp_port import TcpPort

RATE_UNTIL_TOLD = 9600


class _Lines:
    """What pyserial's PortManager takes for the local port: the host's wishes come in, line states go out."""

    bytesize, parity, stopbits, timeout = 8, "N", 1, None
    xonxoff = rtscts = dsrdtr = False
    cts = dsr = cd = True
    ri = False
    in_waiting = 0
    dtr: bool
    baudrate: int

    def __init__(self, told: Callable[[str, Any], None]) -> None:
        self.__dict__.update(_told=told, dtr=True, rts=True, baudrate=RATE_UNTIL_TOLD, break_condition=False)

    def __setattr__(self, name: str, value: Any) -> None:
        changed = self.__dict__.get(name, getattr(type(self), name, None)) != value
        self.__dict__[name] = value
        if changed and name in (
            "dtr",
            "rts",
            "baudrate",
            "parity",
            "bytesize",
            "stopbits",
            "break_condition",
        ):
            self.__dict__["_told"](name, value)

    def reset_input_buffer(self) -> None:
        """The host purges; nothing is kept here."""

    def reset_output_buffer(self) -> None:
        """The host purges; nothing is kept here."""

    def get_settings(self) -> dict[str, Any]:
        """For the manager's own bookkeeping."""
        return {}

    def apply_settings(self, settings: dict[str, Any]) -> None:
        """For the manager's own bookkeeping."""


class _Wire:
    """Where the manager's own answers go."""

    def __init__(self, write: Callable[[bytes], int]) -> None:
        self._write = write

    def write(self, data: bytes) -> None:
        """Telnet negotiation for the host."""
        self._write(bytes(data))


class Rfc2217Port(TcpPort):
    """As TcpPort, with DTR, RTS, break and format from the host, and RI, CTS for it.

    `on_line` hears (name, value): dtr, rts, break_condition (bool), baudrate, bytesize, parity, stopbits.
    """

    def __init__(self, host: str, number: int) -> None:
        super().__init__(host, number)
        self.on_line: Callable[[str, Any], None] = lambda name, value: None
        self.lines = _Lines(self._told)
        self._manager: Any = None
        self.name = f"rfc2217://{self.name}"

    async def start(self) -> None:
        """Listen; raises PortError with one sentence."""
        await super().start()
        self.name = f"rfc2217://{self.name}"

    def rate(self) -> int | None:
        """The rate the host has chosen; None while there is none."""
        return int(self.lines.baudrate) if self._manager is not None else None

    def set_line(self, name: str, on: bool) -> None:
        """Change a line towards the host: ri, cts, dsr or cd."""
        setattr(self.lines, name, on)
        if self._manager is not None:
            with contextlib.suppress(OSError):
                self._manager.check_modem_lines()

    def write(self, data: bytes) -> int:
        """Give bytes to the host, with the Telnet escape doubled."""
        if self._manager is None:
            return len(data)
        escaped = b"".join(self._manager.escape(data))
        return len(data) if super().write(escaped) == len(escaped) else 0

    def received(self, data: bytes) -> None:
        """Bytes from the host: data goes on, Telnet commands change lines."""
        payload = b"".join(self._manager.filter(data)) if self._manager is not None else data
        if payload:
            self.receiver(payload)

    def greeted(self) -> None:
        """A host is there: negotiate."""
        self._manager = PortManager(self.lines, _Wire(super().write))

    def dismissed(self) -> None:
        """The host has gone; its lines fall, as a cable that is pulled."""
        self._manager = None

    def _told(self, name: str, value: Any) -> None:
        self.note("line", name=name, value=value)
        self.on_line(name, value)
