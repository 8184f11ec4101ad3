"""Memory and time of many modules in one process, all registered at the built-in platforms."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from pathlib import Path

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.world import World

PAGE = 4096
NEUL = ("AT+NCDP=180.101.147.115,5683", "AT+NRB")
SIMCOM = ("AT", 'AT+CM2MCLINEW="180.101.147.115","5683","{imei}"')
REGISTER: dict[str, tuple[str, ...]] = {
    "bc260y": ('AT+NCDPOPEN="180.101.147.115"',),
    "bc28": NEUL,
    "bc28-cnv": NEUL,
    "bc35": NEUL,
    "bc95": NEUL,
    "ec800e": (
        'AT+QLWCONFIG=0,"221.229.214.202",5683,"{imei}",86400,3,0',
        "AT+QLWADDOBJ=19,0,1,0",
        "AT+QLWADDOBJ=19,1,1,0",
        "AT+QLWREG",
    ),
    "sim7020": SIMCOM,
    "sim7020-b07": SIMCOM,
    "sim7030": SIMCOM,
    "sim7060": SIMCOM,
}
"""What the host of each profile says to register its module."""


def resident() -> int:
    """Resident memory of this process in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


KEY = "000102030405060708090a0b0c0d0e0f"
SECURED = "bc260y-coaps"
"""A BC260Y that registers over DTLS."""


async def _registered(number: int, world: World, first: Simulation, secured: bool) -> Simulation:
    """A module that a platform has accepted."""
    profile = first.profile.name
    lines = (f'AT+NCDPOPEN="180.101.147.115",5684,"{KEY}"',) if secured else REGISTER[profile]
    imei = f"86000000{number:07d}"
    simulation = Simulation(
        Options(profile, seed=number, imei=imei, imsi=f"46011000{number:07d}"),
        world=world,
        profile=first.profile,
    )
    port = MemoryPort()
    await simulation.start(port)
    while simulation.ue.radio.ip is None:
        await asyncio.sleep(1)
    if secured:
        for platform in world.platforms.values():
            platform.store.secure(imei, bytes.fromhex(KEY))
    for line in lines:
        port.host_write(line.format(imei=imei).encode() + b"\r")
        await asyncio.sleep(3)
    while not any(imei in p.store and p.store[imei].registered for p in world.platforms.values()):
        await asyncio.sleep(1)
    await asyncio.sleep(60)
    port.host_read()
    return simulation


async def _many(profile: str, count: int) -> tuple[int, float]:
    """Bytes and seconds that `count` modules after the first take."""
    secured = profile == SECURED
    options = Options(profile.removesuffix("-coaps"))
    world = World.build(options)
    first = await _registered(9_000_000, world, Simulation(options, world=world), secured)
    before, started = resident(), time.perf_counter()
    modules = await asyncio.gather(*(_registered(number, world, first, secured) for number in range(count)))
    seconds, used = time.perf_counter() - started, resident() - before
    for simulation in [first, *modules]:
        await simulation.stop()
    await world.stop()
    return used, seconds


def measure_modules(profile: str, count: int) -> tuple[float, float]:
    """Bytes one idle registered module takes after the first; wall seconds from power-on to registered for all.

    Measured in a process of its own: memory that another measurement gave back would count as free.
    """
    command = [sys.executable, __file__, profile, str(count)]
    used, seconds = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(used) / count, float(seconds)


if __name__ == "__main__":
    print(*clock.run(_many(sys.argv[1], int(sys.argv[2])), virtual=True))
