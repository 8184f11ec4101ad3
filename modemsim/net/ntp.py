"""Time from a server: one request and its answer by SNTP (RFC 4330) over the module's bearer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from modemsim.net.bearer import Bearer
from modemsim.net.routes import Address

PORT = 123
LENGTH = 48
"""Bytes of a packet without extensions (RFC 4330, 4)."""
EPOCH = datetime(1900, 1, 1, tzinfo=UTC)
_REQUEST = bytes([0x23]) + bytes(LENGTH - 1)  # version 4, mode 3 (client)
_TRANSMIT, _FRACTION = slice(40, 44), slice(44, 48)


def answer(request: bytes, now: datetime) -> bytes | None:
    """The answer of a server whose time is `now`; None for what is no request."""
    if len(request) < LENGTH or request[0] & 7 != 3:
        return None
    seconds, rest = divmod(now - EPOCH, timedelta(seconds=1))
    fraction = (rest.microseconds << 32) // 1_000_000
    stamp = (seconds & 0xFFFFFFFF).to_bytes(4, "big") + fraction.to_bytes(4, "big")
    head = bytes([request[0] & 0x38 | 4, 1, 0, 0xEC]) + bytes(8) + b"SIM\0"
    return head + stamp + request[40:48] + stamp + stamp


async def ask(bearer: Bearer, server: Address, timeout: float, tries: int) -> datetime | None:
    """The server's time in UTC; None when none of `tries` requests has an answer within `timeout` seconds."""
    udp = bearer.udp()
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def receive(data: bytes, sender: Address) -> None:
        if sender == server and len(data) >= LENGTH and data[0] & 7 == 4 and not came.done():
            came.set_result(data)

    udp.receiver = receive
    try:
        for _ in range(tries):
            udp.send(_REQUEST, server)
            done, _ = await asyncio.wait({came}, timeout=timeout)
            if done:
                seconds, fraction = (
                    int.from_bytes(came.result()[at], "big") for at in (_TRANSMIT, _FRACTION)
                )
                return EPOCH + timedelta(seconds=seconds + fraction / 2**32)
        return None
    finally:
        udp.close()
