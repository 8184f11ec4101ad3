"""Memory and time of many modules in one process, all registered at one built-in platform."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path

from modemsim import clock
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Options, Simulation, World

PAGE = 4096


def resident() -> int:
    """Resident memory of this process in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def _registered(number: int, world: World, first: Simulation) -> Simulation:
    options = Options("bc260y", seed=number, imei=f"86000000{number:07d}", imsi=f"46011000{number:07d}")
    simulation = Simulation(options, world=world, profile=first.profile)
    port = MemoryPort()
    await simulation.start(port)
    while simulation.ue.radio.ip is None:
        await asyncio.sleep(1)
    port.host_write(b'AT+NCDPOPEN="180.101.147.115"\r')
    while simulation.ue.cloud.state.value != "observed":
        await asyncio.sleep(1)
    return simulation


async def _many(count: int) -> tuple[int, float]:
    """Bytes and seconds that `count` modules after the first take."""
    options = Options("bc260y", imei="860000009999999")
    world = World.build(options)
    first = await _registered(9_000_000, world, Simulation(options, world=world))
    before, started = resident(), time.perf_counter()
    modules = await asyncio.gather(*(_registered(number, world, first) for number in range(count)))
    seconds, used = time.perf_counter() - started, resident() - before
    for simulation in [first, *modules]:
        await simulation.stop()
    await world.stop()
    return used, seconds


def measure_memory(count: int) -> float:
    """Bytes one idle registered module takes after the first one."""
    used, _ = clock.run(_many(count), virtual=True)
    return used / count


def measure_registrations(count: int) -> tuple[float, int]:
    """Wall seconds for `count` modules from power-on to observed, and the count."""
    _, seconds = clock.run(_many(count), virtual=True)
    return seconds, count
