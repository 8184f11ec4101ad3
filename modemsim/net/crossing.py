"""One crossing of the air for traffic that is not lost but late: set-up, latency, repetitions, giving up."""

from __future__ import annotations

import asyncio
from enum import StrEnum
from typing import NamedTuple

from modemsim.net.bearer import Bearer

RETRANSMIT = 1.0
"""Seconds to the first repetition of a lost segment (initial RTO of RFC 6298, 2.1); each next one doubles."""
RETRANSMIT_LIMIT = 60.0
"""Seconds a repetition waits at most (RFC 6298, 2.5)."""
REPETITIONS = 8
"""Repetitions before the connection is given up (RFC 1122, 4.2.3.5: at least 100 s)."""


class Retransmission(NamedTuple):
    """How a lost segment is repeated: how often, and at most `limit` seconds apart."""

    repetitions: int = REPETITIONS
    limit: float = RETRANSMIT_LIMIT

    def wait(self, number: int) -> float:
        """Seconds behind the transmission of that number (0: the first one)."""
        return min(RETRANSMIT * 2.0**number, self.limit)

    @property
    def give_up(self) -> float:
        """Seconds all transmissions of a segment take together."""
        return sum(map(self.wait, range(self.repetitions + 1)))


USUAL = Retransmission()


class Loss(StrEnum):
    """Why a crossing, or the connection it belongs to, came to nothing."""

    NO_BEARER = "no bearer"
    NO_ANSWER = "no answer"
    REFUSED = "refused"
    RESET = "reset"
    CLOSED = "closed"
    SECURITY = "security"


class CrossingFailed(ConnectionError):
    """The other side cannot be reached any more; `loss` says why."""

    def __init__(self, loss: Loss) -> None:
        super().__init__(loss.value)
        self.loss = loss


async def attempt(bearer: Bearer, *, downlink: bool) -> bool:
    """Send one packet across the air; False when it was lost. Raises CrossingFailed without an address."""
    radio = bearer.radio
    if radio.ip is None:
        raise CrossingFailed(Loss.NO_BEARER)
    try:
        if not radio.connected:
            await (bearer.page() if downlink else radio.connect())
    except ConnectionError:
        return False
    latency, lost = radio.latency(), radio.lost()
    radio.activity(downlink=downlink, lasting=latency)
    await asyncio.sleep(latency)
    if radio.ip is None:
        raise CrossingFailed(Loss.NO_BEARER)
    return radio.reachable and not lost


async def cross(bearer: Bearer, *, downlink: bool, retransmission: Retransmission = USUAL) -> None:
    """Bring a segment to the other side, however often it must be repeated; raises CrossingFailed."""
    for number in range(retransmission.repetitions + 1):
        if await attempt(bearer, downlink=downlink):
            return
        wait = retransmission.wait(number)
        bearer.note("repeated", direction="downlink" if downlink else "uplink", wait=wait)
        await asyncio.sleep(wait)
    raise CrossingFailed(Loss.NO_ANSWER)


async def round_trip(bearer: Bearer) -> float | None:
    """Seconds a packet takes to the network and back over the air; None when either way loses it.

    Raises CrossingFailed without an address.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()
    if await attempt(bearer, downlink=False) and await attempt(bearer, downlink=True):
        return loop.time() - started
    return None
