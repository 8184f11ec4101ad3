"""Modules that share a world: what one does is not taken for another's, and one that is gone leaves nothing."""

from __future__ import annotations

import asyncio
import gc
import weakref
from pathlib import Path
from typing import Any

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.profile import load
from modemsim.simulation import Simulation
from modemsim.trace import Branch, Record, Trace
from modemsim.world import World


class PortWithLines(MemoryPort):
    """A port that keeps what the module does to its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.on_line: Any = None
        self.rings = 0

    def set_line(self, name: str, on: bool) -> None:
        self.rings += (name, on) == ("ri", True)


def test_modules_that_were_stopped_are_forgotten_by_their_world() -> None:
    async def main() -> None:
        options, profile = Options("bc35"), load("bc35")
        world = World.build(options)
        gone = []
        for _ in range(3):
            simulation = Simulation(options, world=world, profile=profile)
            await simulation.start(PortWithLines())
            await asyncio.sleep(30)
            gone.append(weakref.ref(simulation.ue))
            await simulation.stop()
            del simulation
        await asyncio.sleep(1)
        gc.collect()
        assert [ue() for ue in gone] == [None] * 3
        await world.stop()

    clock.run(main(), virtual=True)


def test_a_module_rings_for_its_own_lines_only() -> None:
    async def main() -> tuple[int, int]:
        world = World.build(Options("bc35"))
        simulations = [Simulation(Options("bc35"), world=world) for _ in range(2)]
        ports = [PortWithLines(), PortWithLines()]
        for simulation, port in zip(simulations, ports, strict=True):
            await simulation.start(port)
        await asyncio.sleep(30)
        before = [port.rings for port in ports]
        simulations[0].faults.begin("urc", {"line": "+X: 1"})
        await asyncio.sleep(1)
        for simulation in simulations:
            await simulation.stop()
        await world.stop()
        return ports[0].rings - before[0], ports[1].rings - before[1]

    assert clock.run(main(), virtual=True) == (1, 0)


def test_a_scenario_waits_for_events_of_its_own_module(tmp_path: Path) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text('[[step]]\non = "power.off"\nplace = "lift"\n')

    async def main() -> list[int]:
        world = World.build(Options("bc35"))
        steps: list[Record] = []
        world.trace.subscribe(lambda record: record.layer == "scenario" and steps.append(record))
        played = Simulation(Options("bc35", scenario=scenario), world=world)
        other = Simulation(Options("bc35"), world=world)
        counts = []
        for simulation in (played, other):
            await simulation.start(MemoryPort())
        await asyncio.sleep(30)
        for simulation in (other, played):
            await simulation.power("off")
            await asyncio.sleep(30)
            counts.append(len(steps))
            await simulation.stop()
        await world.stop()
        return counts

    assert clock.run(main(), virtual=True) == [0, 1]


def test_a_branch_hears_its_own_records_and_the_trunk_hears_all() -> None:
    trunk = Trace(lambda: 1.0)
    one, two = Branch(trunk), Branch(trunk)
    heard: dict[str, list[str]] = {"trunk": [], "one": [], "two": []}
    for name, trace in (("trunk", trunk), ("one", one), ("two", two)):
        trace.subscribe(lambda record, name=name: heard[name].append(record.event))
    one.emit("ue", "first")
    two.emit("ue", "second")
    trunk.emit("platform", "third")
    assert heard == {"trunk": ["first", "second", "third"], "one": ["first"], "two": ["second"]}
    assert [record.event for record in one.recent()] == heard["trunk"]
