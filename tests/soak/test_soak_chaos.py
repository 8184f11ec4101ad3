"""An hour in which everything goes wrong at random instants: nothing breaks inside, and afterwards all works."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from reporter import FAMILIES, Reporter

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.trace import Record

SEEDS = 200
HOUR = 3600.0
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reboot", {}),
    ("platform_silent", {}),
    ("platform_restart", {}),
    ("platform_error", {"code": "5.03"}),
    ("urc_storm", {"line": "+CEREG: 0"}),
    ("freeze", {"seconds": "20s"}),
    ("registration_lost", {"seconds": "90s"}),
    ("drop", {"of": "any", "times": "3"}),
    ("corrupt", {"of": "any", "times": "3"}),
    ("settings_lost", {}),
    ("retention_lost", {}),
    ("address_changed", {}),
    ("slowest_replies", {}),
    ("parity_error", {"at": "1", "times": "3"}),
    ("framing_error", {"at": "4", "times": "all"}),
    ("drip", {"times": "3"}),
    ("pause", {"behind": "OK", "times": "3"}),
    ("rts_off", {"seconds": "1min"}),
)
NEIGHBOUR = {"cell_id": 0x1234567, "pci": 17, "rsrp": -70, "tac": 0x77}
SOCKETS = {
    "bc35": (
        "AT+NSOCR=STREAM,6,0,1",
        "AT+NSOCR=DGRAM,17,0,1",
        "AT+NSOCO=1,192.0.2.7,7",
        "AT+NSOCO=2,180.101.147.115,81",
        "AT+NSOSD=1,4,41424344,0,7",
        "AT+NSOST=2,192.0.2.7,7,2,4142,9",
        "AT+NSOSDEX=1,0,0",
        "AT+NSOSTEX=2,192.0.2.7,7,3,20",
        "AT+NSORF=1,100",
        "AT+NSOCL=1",
        "AT+NSOCL=2",
        "AT+NPING=192.0.2.7",
        "AT+CGATT=0",
        "AT+CGATT=1",
    ),
}
"""Lines that open, use and lose sockets, by family."""


async def chaos(simulation: Simulation, port: MemoryPort, dice: random.Random, lines: list[str]) -> None:
    """One hour of it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + HOUR
    while loop.time() < end:
        await asyncio.sleep(dice.expovariate(1 / 60))
        what = dice.randrange(7)
        if what == 0:
            await simulation.power(dice.choice(("cut", "off", "reset", "on")))
        elif what == 1:
            port.host_write(dice.randbytes(dice.randrange(1, 60)))
        elif what == 2:
            port.host_write(dice.choice(lines).encode() + b"\r")
        elif what == 3:
            simulation.network.patch(
                outage=dice.random() < 0.4,
                loss=dice.choice((None, 0.3, 1.0)),
                barred=dice.random() < 0.2,
                neighbour=dice.choice((None, NEIGHBOUR, {**NEIGHBOUR, "barred": True})),
                congested=dice.random() < 0.1,
            )
        elif what == 4:
            simulation.faults.begin(*dice.choice(FAULTS))
        elif what == 5:
            simulation.faults.clear()
        else:
            simulation.wake()
        port.host_read()


async def settle(simulation: Simulation, port: MemoryPort, host: Reporter) -> bool:
    """Everything is good again: the module answers, and registers anew."""
    simulation.faults.clear()
    simulation.network.patch(
        outage=False, loss=None, coverage_level=0, barred=False, neighbour=None, congested=False
    )
    await simulation.power("cut")
    await simulation.power("on")
    await asyncio.sleep(20)
    await host.ask("ATE1")
    return await host.ask("AT") and await host.open()


@pytest.mark.parametrize("name", FAMILIES)
def test_an_hour_of_chaos_breaks_nothing(name: str) -> None:
    family = FAMILIES[name]
    lines = [*family.setup, *(line for line, _ in family.open), family.send.format(size=4, data="00000001")]
    lines += SOCKETS.get(name, ())

    async def main(seed: int) -> None:
        simulation, port = (
            Simulation(Options(family.profile, seed=seed, overrides=family.overrides)),
            MemoryPort(),
        )
        inside: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: inside.append(context))

        def sink(record: Record) -> None:
            if record.event.startswith("internal"):
                inside.append(record)

        simulation.trace.subscribe(sink)
        await simulation.start(port)
        try:
            await chaos(simulation, port, random.Random(f"chaos/{name}/{seed}"), lines)
            assert inside == []
            host = Reporter(family, simulation, port)
            assert await settle(simulation, port, host)
            assert inside == []
        finally:
            await simulation.stop()

    for seed in range(SEEDS // len(FAMILIES)):
        try:
            clock.run(main(seed), virtual=True)
        except BaseException as error:
            error.add_note(f"{name}, seed {seed}")
            raise
