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


async def pass_through(
    session: Session,
    pending: bytearray,
    wait_input: Callable[[float | None], Awaitable[bool]],
    out: Callable[[bytes], float],
    wake: Callable[[], None],
) -> bool:
    """Carry the host's bytes until the escape (True) or the end of the connection (False)."""
    loop = asyncio.get_running_loop()
    began = quiet_since = last = loop.time()  # oldest byte that waits; last byte before it; last byte
    session.attach(out, wake)
    try:
        while not session.over:
            if not pending:
                await wait_input(None)
                quiet_since, began = last, loop.time()
                last = began
                continue
            if began - quiet_since >= GUARD and ESCAPE.startswith(bytes(pending)):
                if await wait_input(loop.time() + GUARD):
                    last = loop.time()
                    if len(pending) <= len(ESCAPE):
                        continue
                elif bytes(pending) == ESCAPE:
                    pending.clear()
                    return True
            size, patience = session.packet()
            if len(pending) < size and loop.time() < began + patience and await wait_input(began + patience):
                last = loop.time()
                continue
            if session.send(bytes(pending[:size])):
                del pending[:size]
                began = quiet_since = last
            else:
                await asyncio.sleep(TRY_AGAIN)
    finally:
        session.attach(None, wake)
    return False
