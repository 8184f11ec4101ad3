"""Holding a virtual clock while an answer from outside the process may be on its way."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

from modemsim import clock

ANSWER_WINDOW = 3.0
"""Seconds a datagram to a peer outside the process holds the clock; held time flows as on the wall.

Long enough for a peer on a machine that is busy with something else.
"""


class OutsideAnswers:
    """One hold for each outside peer that owes an answer; ends with its datagram or with the window.

    Without it a jumping clock would run through every retransmission before a real peer could answer. On a
    real or scaled clock there is nothing to hold and nothing is done.
    """

    def __init__(self) -> None:
        self._owed: dict[object, tuple[ExitStack, asyncio.TimerHandle]] = {}

    def expect(self, peer: object) -> None:
        """A datagram went to `peer`: hold the clock for its answer."""
        loop = asyncio.get_running_loop()
        if not isinstance(loop, clock.VirtualLoop):
            return
        self.arrived(peer)
        stack = ExitStack()
        stack.enter_context(clock.hold())
        self._owed[peer] = (stack, loop.call_later(ANSWER_WINDOW, self.arrived, peer))

    def arrived(self, peer: object) -> None:
        """The answer of `peer` is here, or is not waited for any longer."""
        owed = self._owed.pop(peer, None)
        if owed is not None:
            stack, timer = owed
            timer.cancel()
            stack.close()

    def close(self) -> None:
        """Wait for nobody."""
        for peer in tuple(self._owed):
            self.arrived(peer)
