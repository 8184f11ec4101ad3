"""Power cuts at every hundredth of an update: never a dead module, never a task that does not end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from modemsim import clock
from modemsim.options import Options
from modemsim.platforms.upgrades import DeviceUpgrade, UpgradeTask
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.testing.upgrade_actions import KINDS, next_revision, upgrade_task
from modemsim.trace import Record

SIZE = 16 * 1024
LIMIT = 5000.0
"""Simulated seconds after which a task must be over, whatever happened."""


@dataclass(frozen=True)
class Family:
    """How the host of a module of this family starts a session, sends, and agrees."""

    profile: str
    prepare: tuple[str, ...]
    open: tuple[str, ...]
    send: str
    agree: str | None
    may_fail_with: frozenset[int | None]
    platform: str = "ct-iot"


FAMILIES = [
    Family("bc260y", ("AT+QSCLK=0",), ('AT+NCDPOPEN="180.101.147.115",5683',), "AT+NMGS=1,31", None,
           frozenset({4})),
    Family("bc35", ("AT+NCDP=180.101.147.115", "AT+QREGSWT=1", "AT+NRB"), (), "AT+QLWULDATA=1,31", None,
           frozenset()),
    Family("sim7020", ("AT+IPR=115200",),
           ('AT+CM2MCLINEW="180.101.147.115","5683","868334030088888",3000',), 'AT+CM2MCLISEND="31"',
           "AT+CM2MCLIFOTA=1", frozenset({4})),
    Family("ec800e",
           ('AT+QLWCFG="auto_ack",1', 'AT+QLWCONFIG=0,"221.229.214.202",5683,"868543060974334",86400,3,0'),
           ("AT+QLWADDOBJ=19,0,1,0", "AT+QLWADDOBJ=19,1,1,0", "AT+QLWREG"), 'AT+QLWNOTIFY=19,0,0,2,1,"31",0,0',
           None, frozenset({4}), "aep"),
]  # fmt: skip
"""BC35: the guide promises that a restart in any phase goes on up to FIRMWARE UPDATE OVER (table 2)."""


class Bench:
    """A module with a host that does what the guides say and keeps what it read."""

    def __init__(self, family: Family, seed: int) -> None:
        self.family = family
        self.simulation = Simulation(Options(family.profile, seed=seed))
        self.port = MemoryPort()
        self.heard = bytearray()
        self.problems: list[Record] = []
        self.port.heard = self.heard.extend
        self.simulation.trace.subscribe(self._watch)

    def _watch(self, record: Record) -> None:
        if record.event.startswith("internal"):
            self.problems.append(record)

    async def say(self, line: str) -> bytes:
        """Send a line and give the answer that came within 2 s."""
        self.heard.clear()
        self.port.host_write(line.encode() + b"\r")
        await asyncio.sleep(2.0)
        return bytes(self.heard)

    @property
    def state(self) -> str:
        """The state of the session, whoever keeps it."""
        ue = self.simulation.ue
        return str(ue.hosted.state if self.family.platform == "aep" else ue.cloud.state)

    @property
    def needs_session(self) -> bool:
        """Whether the host has to open one now."""
        idle = self.state not in ("registering", "registered", "observed", "deregistering")
        ue = self.simulation.ue
        return idle and ue.radio.ip is not None and ue.state == "on" and bool(self.family.open)

    async def start(self) -> None:
        """Boot, attach, register, and have a task made."""
        await self.simulation.start(self.port)
        await asyncio.sleep(30)
        for line in self.family.prepare:
            await self.say(line)
        await self.open_session()

    async def open_session(self) -> None:
        """Wait until the module is attached and registered, by itself or by the host."""
        for _ in range(200):
            await asyncio.sleep(1)
            if self.state == "observed":
                return
            if self.needs_session:
                for line in self.family.open:
                    await self.say(line)
        raise AssertionError("the module does not register")

    def make_task(self) -> UpgradeTask:
        """A task for this module."""
        ue = self.simulation.ue
        platform = self.simulation.platforms[self.family.platform]
        client = ue.cloud.client or ue.hosted.client
        assert client is not None
        name = client.name
        return upgrade_task(platform, name, self.family.profile, ue.identity.revision, SIZE, KINDS["good"])

    async def follow(self, upgrade: DeviceUpgrade, until: float) -> None:
        """Agree where asked, register where it is the host's part, until the task is over or `until`."""
        loop, ue = asyncio.get_running_loop(), self.simulation.ue
        while not upgrade.over and loop.time() < until:
            await asyncio.sleep(0.5)
            if self.family.agree and ue.firmware.offer is not None:
                await self.say(self.family.agree)
            if self.needs_session:
                for line in self.family.open:
                    await self.say(line)


async def whole(family: Family) -> tuple[float, float]:
    """Instants, after the uplink, at which an undisturbed update begins and is over."""
    bench = Bench(family, 0)
    await bench.start()
    loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    upgrade = bench.make_task().devices[0]
    await bench.say(family.send)
    while bench.simulation.ue.firmware.object.state == 0 and bench.simulation.ue.firmware.offer is None:
        await asyncio.sleep(0.1)
    begun = loop.time() - start
    await bench.follow(upgrade, loop.time() + LIMIT)
    assert upgrade.state == "succeeded", upgrade
    over = loop.time() - start
    await bench.simulation.stop()
    return begun, over


async def cut(family: Family, instant: float, percent: int) -> tuple[str, int | None]:
    """An update with the power cut at an instant; how its task ended."""
    bench = Bench(family, 0)
    await bench.start()
    loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    revision = bench.simulation.ue.identity.revision
    upgrade = bench.make_task().devices[0]
    await bench.say(family.send)
    await bench.follow(upgrade, start + instant)
    await bench.simulation.power("cut")
    await asyncio.sleep(3)
    await bench.simulation.power("on")
    await bench.follow(upgrade, loop.time() + LIMIT)
    await asyncio.sleep(300)
    assert b"OK" in await bench.say("AT"), f"{percent} %: the module is dead"
    assert upgrade.over, f"{percent} %: the task does not end: {upgrade}"
    shown = bench.simulation.ue.identity.revision
    updated = upgrade.state == "succeeded"
    assert shown == (next_revision(revision) if updated else revision), f"{percent} %: {upgrade}, {shown}"
    assert not bench.problems, bench.problems[0]
    await bench.simulation.stop()
    return str(upgrade.state), upgrade.result


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.profile)
@pytest.mark.timeout(600)
def test_a_power_cut_at_every_percent_of_an_update(family: Family) -> None:
    begun, over = clock.run(whole(family), virtual=True)
    outcomes: dict[tuple[str, int | None], list[int]] = {}
    for percent in range(100):
        instant = begun + (over - begun) * percent / 100
        outcome = clock.run(cut(family, instant, percent), virtual=True)
        outcomes.setdefault(outcome, []).append(percent)
    documented = {("succeeded", 1)} | {("failed", result) for result in family.may_fail_with}
    assert set(outcomes) <= documented, {o: p for o, p in outcomes.items() if o not in documented}
    assert ("succeeded", 1) in outcomes
