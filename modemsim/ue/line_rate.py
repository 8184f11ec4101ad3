"""What settings make of the serial line: a new rate on trial, and who stops whom by RTS and CTS.

A rate stays when the host is heard at it, else the old one returns.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


class LineRate:
    """The trial behind AT+NATSPEED, of which at most one runs, and AT+IFC."""

    def __init__(self, ue: Ue) -> None:
        self._ue = ue
        self._timer: asyncio.TimerHandle | None = None

    def setting_changed(self, key: str) -> None:
        """A setting has a new value, or its first one."""
        table, serial = self._ue.profile.serial, self._ue.serial
        if key == table.rts:
            serial.obeys_rts = self._ue.settings.get(key) == 2
        elif key == table.cts:
            serial.uses_cts = self._ue.settings.get(key) == 2

    def try_out(self, rate: int, seconds: float) -> None:
        """Switch to `rate` now; without a byte from the host within `seconds` switch back."""
        self.stop()
        serial = self._ue.serial
        before, receiver = serial.baud, serial.receiver
        serial.baud = rate
        self._timer = asyncio.get_running_loop().call_later(seconds, self._revert, before, receiver)

        def heard(data: bytes) -> None:
            self.stop()
            serial.receiver = receiver
            receiver(data)

        serial.receiver = heard

    def _revert(self, rate: int, receiver: object) -> None:
        self._timer = None
        serial = self._ue.serial
        serial.baud = rate
        assert callable(receiver)
        serial.receiver = receiver
        self._ue.publish("rate.reverted", rate=rate)

    def stop(self) -> None:
        """The trial is over."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
