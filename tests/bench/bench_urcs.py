"""How far the instant of a URC is from the delay that was drawn for it, on the wall clock."""

from __future__ import annotations

import asyncio

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation


def measure_urc_error(rounds: int) -> list[float]:
    """Seconds between the due instant of a URC and its first byte at the host, for each round."""
    return clock.run(_measure(rounds))


async def _measure(rounds: int) -> list[float]:
    loop = asyncio.get_running_loop()
    simulation = Simulation(Options("bc260y", overrides=("serial.pacing=false", "timing.command=0s")))
    port = MemoryPort()
    await simulation.start(port)
    while simulation.ue.radio.ip is None:
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    seen: list[float] = []
    port.heard = lambda data: seen.append(loop.time())
    errors = []
    for _ in range(rounds):
        delay = simulation.ue.timing.draw("latency_ce0")
        due = loop.time() + delay
        seen.clear()
        loop.call_later(delay, simulation.ue.terminal.urc, "+NNMI")
        await asyncio.sleep(delay + 0.03)
        errors.append(abs(seen[0] - due))
    await simulation.stop()
    return errors
