"""Transparent mode: between CONNECT and the escape host and socket hear each other's bytes, nothing else.

The escape is `+++` with silence before and behind it; V.250 leaves it to the manufacturer, the guard time is
Quectel's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

ESCAPE = b"+++"
GUARD = 1.0
"""Seconds of silence before and behind the escape (Quectel EC2x AT manual 2.0)."""
TRY_AGAIN = 0.1
"""Seconds until data is offered again to a socket whose buffer was full."""


MOST_AHEAD = 65536
"""Bytes of the host that wait while a connection takes none; what flow control would stop is lost."""


class Backlog:
    """How much input may wait in data mode; behind silence the escape always finds room."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def limit(self, pending: bytearray, now: float) -> int:
        """Bytes that may wait, now that more have come."""
        if now - self._last >= GUARD:
            del pending[MOST_AHEAD:]
        self._last = now
        return MOST_AHEAD + len(ESCAPE)


class Session(Protocol):
    """The other end of transparent mode."""

    @property
    def over(self) -> bool:
        """Whether the connection has ended."""

    def packet(self) -> tuple[int, float]:
        """Bytes that are sent together, and seconds fewer bytes wait for more."""

    def send(self, data: bytes) -> bool:
        """Take data of the host; False when there is no room now."""

    def attach(self, out: Callable[[bytes], float] | None, wake: Callable[[], None]) -> None:
        """Pass on what arrives to `out` from now on (None: keep it), and call `wake` when it is over.

        `out` returns the seconds the serial line needs for all it still owes.
        """


class _Input:
    """The host's bytes in transparent mode: which of them are data, and whether the last ones are the escape.

    What comes after silence and begins like the escape is held back until more bytes or further silence tell.
    """

    def __init__(self, pending: bytearray, now: float) -> None:
        self._pending = pending
        self._length = len(pending)
        self._mark: int | None = None  # where bytes begin that may be the escape
        self._last = now
        self.began = now
        """Instant at which the oldest byte that waits came."""

    def heard(self, now: float) -> None:
        """More bytes have come."""
        if now - self._last >= GUARD:
            self._mark = min(self._length, MOST_AHEAD)
        if self._length == 0:
            self.began = now
        self._length, self._last = len(self._pending), now
        if self._mark is not None and not ESCAPE.startswith(self._pending[self._mark :]):
            self._mark = None

    @property
    def unheard(self) -> bool:
        """Whether bytes have come that nobody has told of."""
        return len(self._pending) > self._length

    @property
    def ready(self) -> int:
        """How many bytes are data for certain."""
        return self._length if self._mark is None else self._mark

    @property
    def decides(self) -> float | None:
        """Instant at which silence tells what the bytes held back are; None without any."""
        return None if self._mark is None else self._last + GUARD

    def escaped(self) -> bool:
        """After that silence: whether it was the escape; everything is data if it was not."""
        found = self._mark is not None and bytes(self._pending[self._mark :]) == ESCAPE
        self._mark = None
        return found

    def sent(self, count: int) -> None:
        """The first bytes are on their way."""
        del self._pending[:count]
        self._length -= count
        self._mark = None if self._mark is None else self._mark - count
        self.began = self._last


async def pass_through(
    session: Session,
    pending: bytearray,
    wait_input: Callable[[float | None], Awaitable[bool]],
    out: Callable[[bytes], float],
    wake: Callable[[], None],
    lost: Callable[[int], None],
) -> bool:
    """Carry the host's bytes until the escape (True) or the end of the connection (False).

    `lost` hears how many bytes the connection had not taken when the escape came.
    """
    loop = asyncio.get_running_loop()
    given = _Input(pending, loop.time())
    session.attach(out, wake)
    try:
        while not session.over:
            now, instants = loop.time(), [given.decides]
            if given.ready:
                size, patience = session.packet()
                due = given.began + patience
                if given.ready < size and now < due:
                    instants.append(due)
                elif session.send(bytes(pending[: min(size, given.ready)])):
                    given.sent(min(size, given.ready))
                    continue
                else:
                    instants.append(now + TRY_AGAIN)
            came = await wait_input(min((at for at in instants if at is not None), default=None))
            if came or given.unheard:  # what comes at the very instant of a deadline wakes nobody
                given.heard(loop.time())
            elif given.decides is not None and loop.time() >= given.decides and given.escaped():
                if len(pending) > len(ESCAPE):
                    lost(len(pending) - len(ESCAPE))
                pending.clear()
                return True
    finally:
        session.attach(None, wake)
    return False
