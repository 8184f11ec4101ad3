"""The module's UART between a port and the AT terminal: paces both directions at the line rate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from modemsim.port.base import HasLines, HasRate, Port
from modemsim.port.garble import garbled
from modemsim.port.noise import LineNoise
from modemsim.trace import Trace

BITS_PER_CHARACTER = 10  # start bit, eight data bits, stop bit
CHUNK_SECONDS = 0.001  # characters that finish within this time are handed on together
WIRE_LIMIT, WIRE_SECONDS = 4096, 4.0  # a host may be ahead of the line rate by the greater; more is lost
CTS_OFF, CTS_ON = 2048, 512  # bytes that wait for the module when CTS goes off, and when it is on again
HELD_LIMIT = 4096  # bytes that wait in the module while the host stops it by RTS; more is lost


class _Wire:
    """Characters on their way in one direction, handed on in chunks when a chunk's last one is complete."""

    def __init__(self, character: Callable[[], float], deliver: Callable[[bytes], None]) -> None:
        self._character = character
        self._deliver = deliver
        self._queue = bytearray()
        self._timer: asyncio.TimerHandle | None = None
        self._chunk = 0
        self._chunk_end = 0.0
        self._held = False

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, data: bytes) -> None:
        """Append characters; the first starts at once on an idle line."""
        self._queue += data
        self._start()

    def hold(self, held: bool) -> None:
        """Stop behind the characters that are being sent, or go on."""
        self._held = held
        self._start()

    def _start(self) -> None:
        if self._timer is None and self._queue and not self._held:
            self._chunk_end = max(self._chunk_end, asyncio.get_running_loop().time())
            self._next()

    def clear(self) -> None:
        """Forget what is on its way."""
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._chunk_end = asyncio.get_running_loop().time()

    def idle_at(self) -> float:
        """When the last character will have gone, or has gone."""
        if self._timer is None:
            return self._chunk_end
        return self._chunk_end + (len(self._queue) - self._chunk) * self._character()

    def _next(self) -> None:
        character = self._character()
        self._chunk = min(len(self._queue), max(1, int(CHUNK_SECONDS / character)))
        self._chunk_end += self._chunk * character
        self._timer = asyncio.get_running_loop().call_at(self._chunk_end, self._done)

    def _done(self) -> None:
        data = bytes(self._queue[: self._chunk])
        del self._queue[: self._chunk]
        if self._queue and not self._held:
            self._next()
        else:
            self._timer = None
        self._deliver(data)


class _Loss:
    """Counts lost bytes and gives one trace line for each spell of losing."""

    def __init__(self, trace: Trace, event: str) -> None:
        self._trace = trace
        self._event = event
        self._lost = 0

    def add(self, count: int) -> None:
        """So many more bytes were lost."""
        self._lost += count

    def over(self) -> None:
        """Bytes pass again: trace the spell, if there was one."""
        if self._lost:
            self._trace.emit("serial", self._event, lost=self._lost)
            self._lost = 0


class Uart:
    """One UART: `receiver` gets the host's bytes, `send` gives bytes to the host, each at its time.

    `baud` may change at any time and counts from the next chunk on. With `pacing` off everything passes at
    once. While `powered` is False input is lost and nothing goes out. `on_host` tells whether a host has the
    port open; `on_error` hears of a character that was lost by PARITY_ERROR or FRAMING_ERROR, in its place.
    While `obeys_rts`, nothing goes out before the host's RTS is on. While `uses_cts`, CTS is off for a host
    that is far ahead: of the line rate, or of the module, of which `waiting` tells. Traced in layer "serial":
    opened, closed, overrun (host faster than the line; bytes lost), unread (host does not read, or holds RTS
    off; bytes lost), damaged, cts and the port's own notes.
    """

    def __init__(self, port: Port, *, trace: Trace, baud: int = 9600, pacing: bool = True) -> None:
        self.port = port
        self.baud = baud
        self.pacing = pacing
        self.receiver: Callable[[bytes], None] = _nobody
        self.on_host: Callable[[bool], None] = _nobody
        self.host_present = False
        self.host_rate: int | None = None
        """The host's rate where it is known to differ: garbage both ways; None: as the module's."""
        self.check_rate = False
        """Whether the rate that the port's host has chosen counts, where the port knows it."""
        self.autobaud = False
        """Whether the module takes the rate of what it hears."""
        self.on_dtr: Callable[[bool], None] = _nobody
        self.on_error: Callable[[str], None] = _nobody
        self.noise = LineNoise()
        self._obeys_rts = False
        self._rts = {"line": True, "fault": True}
        self._uses_cts = False
        self._cts = True
        self._waiting = 0
        self._trace = trace
        self._powered = True
        self._ringing: asyncio.TimerHandle | None = None
        self._sent_at = 0.0
        self._in = _Wire(self._character, self._received)
        self._out = _Wire(self._character, self._sent)
        self._overrun = _Loss(trace, "overrun")
        self._unread = _Loss(trace, "unread")
        port.receiver = self._from_host
        port.on_host = self._host
        port.note = self._note
        if isinstance(port, HasLines):
            port.on_line = self._line

    @property
    def powered(self) -> bool:
        """Whether the UART works at all; switching off loses what is on the wire in both directions."""
        return self._powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self._powered = on
        if not on:
            self._in.clear()
            self._out.clear()
            self.waiting = 0
            self._overrun.over()

    @property
    def obeys_rts(self) -> bool:
        """Whether the host can stop the module by RTS."""
        return self._obeys_rts

    @obeys_rts.setter
    def obeys_rts(self, on: bool) -> None:
        self._obeys_rts = on
        self._out.hold(self._stopped)

    def set_rts(self, on: bool, by: str = "line") -> None:
        """The host's RTS as a port tells it, or as a fault has it (`by` "fault"); both have to be on."""
        self._rts[by] = on
        self._out.hold(self._stopped)

    @property
    def uses_cts(self) -> bool:
        """Whether the module stops the host by CTS."""
        return self._uses_cts

    @uses_cts.setter
    def uses_cts(self, on: bool) -> None:
        self._uses_cts = on
        self._set_cts()

    @property
    def waiting(self) -> int:
        """Bytes that the module has received and not looked at."""
        return self._waiting

    @waiting.setter
    def waiting(self, count: int) -> None:
        self._waiting = count
        self._set_cts()

    def _set_cts(self) -> None:
        ahead = self._waiting + len(self._in)
        on = not self._uses_cts or ahead <= CTS_ON or (self._cts and ahead < CTS_OFF)
        if on is not self._cts:
            self._cts = on
            self._note("cts", on=on)
            if isinstance(self.port, HasLines):
                self.port.set_line("cts", on)

    @property
    def _stopped(self) -> bool:
        return self._obeys_rts and not all(self._rts.values())

    def send(self, data: bytes) -> None:
        """Send bytes to the host; returns at once."""
        if not self._powered:
            return
        if self._stopped and len(data) > (room := max(0, HELD_LIMIT - len(self._out))):
            self._unread.add(len(data) - room)
            data = data[:room]
        if self.pacing or self._stopped or self._out:
            self._out.put(data)
        else:
            self._sent_at = asyncio.get_running_loop().time()
            self._sent(data)

    def idle_at(self) -> float:
        """loop.time() at which the last byte sent so far will have left, or has left."""
        return self._out.idle_at() if self.pacing else self._sent_at

    def ring(self, seconds: float) -> None:
        """Pulse the RI line, where the port has one."""
        port = self.port
        if self._powered and isinstance(port, HasLines):
            port.set_line("ri", True)
            if self._ringing is not None:
                self._ringing.cancel()
            self._ringing = asyncio.get_running_loop().call_later(seconds, port.set_line, "ri", False)

    def _line(self, name: str, value: Any) -> None:
        if name == "dtr":
            self.on_dtr(bool(value))
        elif name == "rts":
            self.set_rts(bool(value))

    def _rate_of_host(self) -> int | None:
        if self.host_rate is not None:
            return self.host_rate
        return self.port.rate() if self.check_rate and isinstance(self.port, HasRate) else None

    def _character(self) -> float:
        return BITS_PER_CHARACTER / self.baud

    def _from_host(self, data: bytes) -> None:
        if not self._powered:
            return
        if (rate := self._rate_of_host()) is not None:
            if self.autobaud:
                self.baud = rate
            data = garbled(data, rate, self.baud)
        if not self.pacing:
            self._hear(data)
            return
        room = max(WIRE_LIMIT, int(WIRE_SECONDS / self._character())) - len(self._in)
        if len(data) > room:
            self._overrun.add(len(data) - room)
            data = data[:room]
        self._in.put(data)
        self._set_cts()

    def _received(self, data: bytes) -> None:
        if not self._in:
            self._overrun.over()
        self._hear(data)
        self._set_cts()

    def _hear(self, data: bytes) -> None:
        for piece in self.noise.pieces(data):
            if isinstance(piece, bytes):
                self.receiver(piece)
            else:
                self._note("damaged", error=piece)
                self.on_error(piece)

    def _sent(self, data: bytes) -> None:
        if (rate := self._rate_of_host()) is not None:
            data = garbled(data, self.baud, rate)
        taken = self.port.write(data)
        if taken < len(data):
            self._unread.add(len(data) - taken)
        else:
            self._unread.over()

    def _host(self, present: bool) -> None:
        self.host_present = present
        self._unread.over()
        self._note("opened" if present else "closed", port=self.port.name)
        self.on_host(present)

    def _note(self, event: str, **fields: object) -> None:
        self._trace.emit("serial", event, **fields)


def _nobody(value: object) -> None:
    """The callback of a UART nobody listens to yet."""
