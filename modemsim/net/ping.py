"""ICMP echo over the module's bearer, answered by the hosts the routes know; nothing leaves the machine."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from modemsim.net.bearer import RadioLink
from modemsim.net.routes import Routes

HOPS = 10
"""Routers between the module and a host in the simulated network."""
INITIAL_TTL = 64


@dataclass(frozen=True)
class Echo:
    """An answer: time to live it arrived with, and milliseconds from request to answer."""

    ttl: int
    rtt: int


async def ping(radio: RadioLink, routes: Routes, host: str, seconds: float) -> Echo | None:
    """Ask `host` once; None when no answer came within `seconds`, ConnectionError when nothing was sent.

    Set-up of the connection, latency both ways and loss are those of the bearer. Hosts outside the
    simulation are silent: their ICMP is not carried.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(seconds):
            await radio.connect()
            there, back = radio.latency(), radio.latency()
            lost = radio.lost() or radio.lost() or not routes.answers(host)
            radio.activity(lasting=there + back)
            await asyncio.sleep(seconds if lost else there + back)
            radio.activity(downlink=True)
    except TimeoutError:
        return None
    rtt = round((loop.time() - began) * 1000)
    return None if lost else Echo(INITIAL_TTL - HOPS, rtt)
