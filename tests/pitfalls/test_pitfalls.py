"""What breaks host firmware in the field: for each, a naive host fails and a careful one passes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hosts import Careful, Naive

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.testing.actions import ActionFailed, Stage, find

ATTACHED = 12.0
OPEN = 'AT+NCDPOPEN="221.229.214.202",5683'
FAST = 'settings."+IPR.rate".default=115200'


@dataclass(frozen=True)
class Pitfall:
    """One entry: how it is set up, what each host does; each tells whether it got what it wanted."""

    title: str
    fault: tuple[str, dict[str, Any]] | None
    naive: Callable[[Naive], Awaitable[bool]]
    careful: Callable[[Careful], Awaitable[bool]]
    settled: float = ATTACHED
    overrides: tuple[str, ...] = ()


def begin(host: Naive | Careful, name: str, **parameters: Any) -> None:
    host.simulation.faults.begin(name, parameters)


async def signal_is_told(host: Naive | Careful) -> bool:
    if isinstance(host, Naive):
        return (await host.value("AT+CSQ")).startswith("+CSQ: ")
    for _ in range(3):
        if any(line.startswith("+CSQ: ") for line in await host.sure("AT+CSQ")):
            return True
    return False


async def answers_ok(host: Naive | Careful) -> bool:
    if isinstance(host, Naive):
        return await host.ok("AT+CSQ")
    return bool(await host.sure("AT+CSQ"))


async def storm_naive(host: Naive) -> bool:
    begin(host, "urc_storm", line="+CEREG: 0", count=60)
    return await answers_ok(host)


async def storm_careful(host: Careful) -> bool:
    begin(host, "urc_storm", line="+CEREG: 0", count=60)
    return await answers_ok(host) and len(host.urcs) >= 60


async def reboot_naive(host: Naive) -> bool:
    await host.ok("AT+NNMI=2")
    begin(host, "reboot")
    await asyncio.sleep(15)
    host.port.host_read()
    return "+NNMI: 2" in await host.ask("AT+NNMI?")


async def reboot_careful(host: Careful) -> bool:
    await host.sure("AT+NNMI=2")
    before = host.restarts
    begin(host, "reboot")
    await host.event("RDY", 10)
    if host.restarts > before:
        await host.sure("AT+NNMI=2")
    return "+NNMI: 2" in await host.sure("AT+NNMI?")


async def settings_naive(host: Naive) -> bool:
    await host.ok("AT+CSCON=1")
    begin(host, "settings_lost")
    return await host.saw("+CSCON:0", 60)


async def settings_careful(host: Careful) -> bool:
    await host.sure("AT+CSCON=1")
    begin(host, "settings_lost")
    for _ in range(30):  # asks again and again instead of waiting for a report
        if "+CSCON: 0,0" in await host.sure("AT+CSCON?"):
            return True
        await asyncio.sleep(2)
    return False


async def sim_naive(host: Naive) -> bool:
    return (await host.value("AT+CPIN?")) == "+CPIN: READY"


async def sim_careful(host: Careful) -> bool:
    return "+CPIN: READY" in await host.sure("AT+CPIN?")


async def registration_naive(host: Naive) -> bool:
    begin(host, "registration_lost", seconds="120s")
    await asyncio.sleep(60)
    return "+CEREG: 0,1" in await host.ask("AT+CEREG?")


async def registration_careful(host: Careful) -> bool:
    begin(host, "registration_lost", seconds="120s")
    await asyncio.sleep(60)
    for _ in range(100):
        if "+CEREG: 0,1" in await host.sure("AT+CEREG?"):
            return True
        await asyncio.sleep(5)
    return False


async def boot_wait_naive(host: Naive) -> bool:
    return await host.saw("+CPIN: READY", 20)


async def boot_wait_careful(host: Careful) -> bool:
    return bool(await host.sure("AT", 20))


async def attached_report_naive(host: Naive) -> bool:
    return await host.saw("+IP: ", 30)


async def attached_report_careful(host: Careful) -> bool:
    for _ in range(30):
        if "+CGATT: 1" in await host.sure("AT+CGATT?"):
            return True
        await asyncio.sleep(1)
    return False


async def session_naive(host: Naive) -> bool:
    await host.ok(OPEN)
    return await host.saw("+QLWEVTIND: 3\r", 10)


async def session_careful(host: Careful) -> bool:
    await host.sure("AT+QSCLK=0")
    return bool(await host.sure(OPEN)) and await host.event("+QLWEVTIND: 3", 126)


async def early_naive(host: Naive) -> bool:
    return await host.ok("AT")


async def early_careful(host: Careful) -> bool:
    return bool(await host.sure("AT", 20))


async def pending_naive(host: Naive) -> bool:
    await session_naive(host)
    host.simulation.network.patch(latency="3s")
    return await host.ok("AT+NMGS=1,01,100") and await host.ok("AT+NMGS=1,02,100")


async def pending_careful(host: Careful) -> bool:
    await session_careful(host)
    host.simulation.network.patch(latency="3s")
    first = await host.sure("AT+NMGS=1,01,100")
    done = await host.event("+QLWEVTIND: 4", 126)
    return bool(first) and done and bool(await host.sure("AT+NMGS=1,02,100"))


async def reset_naive(host: Naive) -> bool:
    await session_naive(host)
    begin(host, "platform_reset")
    await host.ok("AT+NMGS=1,01,100")
    await asyncio.sleep(10)
    return await host.ok("AT+NMGS=1,02,100")


async def reset_careful(host: Careful) -> bool:
    await session_careful(host)
    begin(host, "platform_reset")
    await host.sure("AT+NMGS=1,01,100")
    if await host.event("+QLWEVTIND: 10", 30):
        host.urcs.clear()
        await session_careful(host)
    return bool(await host.sure("AT+NMGS=1,02,100"))


async def asleep_naive(host: Naive) -> bool:
    await asyncio.sleep(60)
    return await host.ok("AT+CSQ")


async def asleep_careful(host: Careful) -> bool:
    await asyncio.sleep(60)
    return bool(await host.sure("AT+CSQ"))


async def rate_naive(host: Naive) -> bool:
    return await host.ok("AT")


async def rate_careful(host: Careful) -> bool:
    for rate in (115200, 9600, None):
        host.simulation.faults.clear()
        if rate not in (None, 9600):
            begin(host, "host_rate", rate=rate)
        if await host.sure("AT", 2, 0.1):
            return True
    return False


async def slow_naive(host: Naive) -> bool:
    return "+NMSTATUS: " in await host.ask("AT+NMSTATUS?")


async def slow_careful(host: Careful) -> bool:
    return bool(await host.sure("AT+NMSTATUS?"))


async def unknown_naive(host: Naive) -> bool:
    """Wedges on the first line that it does not know."""
    begin(host, "urc", line="+XYZ: 1,2")
    for text in (await host.ask("AT+CSQ")).split("\r\n"):
        if text and not text.startswith(("AT", "+CSQ", "OK")):
            return False
    return True


async def unknown_careful(host: Careful) -> bool:
    begin(host, "urc", line="+XYZ: 1,2")
    return await answers_ok(host)


async def open_socket(host: Naive | Careful) -> None:
    host.port.host_write(b"AT+QSCLK=0\r")
    await asyncio.sleep(1)
    host.port.host_write(b'AT+QIOPEN=0,0,"UDP","192.0.2.7",7\r')
    await asyncio.sleep(5)
    host.port.host_read()
    begin(host, "no_prompt")
    host.port.host_write(b"AT+QISEND=0,5\r")


async def prompt_naive(host: Naive) -> bool:
    await open_socket(host)
    await asyncio.sleep(5)
    if b">" not in host.port.host_read():
        return False
    host.port.host_write(b"hello")
    return await host.saw("SEND OK", 5)


async def prompt_careful(host: Careful) -> bool:
    """Sends the data when the prompt is overdue: the module may be waiting for it."""
    await open_socket(host)
    await asyncio.sleep(1)
    host.port.host_write(b"hello")
    while (line := await host.line(5)) is not None:
        if line == "SEND OK":
            return True
    return False


async def update_starts(host: Naive | Careful) -> Stage:
    """The uplink makes the platform begin an update of the module's firmware, unasked."""
    stage = Stage(host.simulation)
    open_line = 'AT+NCDPOPEN="180.101.147.115",5683'
    for line, seconds in (("AT+QSCLK=0", 1), (open_line, 10)):
        host.port.host_write(line.encode() + b"\r")
        await asyncio.sleep(seconds)
    await find("platform upgrade 4k").run(stage, None)
    host.port.host_write(b"AT+NMGS=1,31\r")
    return stage


async def updated(host: Naive | Careful, stage: Stage) -> bool:
    host.port.host_write(OPEN.replace("221.229.214.202", "180.101.147.115").encode() + b"\r")
    try:
        await find("platform upgrade-state succeeded 1").run(stage, 60)
    except ActionFailed:
        return False
    return True


async def update_naive(host: Naive) -> bool:
    """Has sent what it had to send, so it cuts the power."""
    stage = await update_starts(host)
    await asyncio.sleep(10)
    await host.simulation.power("cut")
    await asyncio.sleep(5)
    await host.simulation.power("on")
    await asyncio.sleep(ATTACHED)
    return await updated(host, stage)


async def update_careful(host: Careful) -> bool:
    """Listens on, and lets an update that has begun come to its end."""
    stage = await update_starts(host)
    deadline = asyncio.get_running_loop().time() + 600
    while asyncio.get_running_loop().time() < deadline:
        line = await host.line(120)
        if line is None or line.startswith('+QIND: "FOTA","END"'):
            break
    await host.event("RDY", 30)
    await asyncio.sleep(ATTACHED)
    return await updated(host, stage)


PITFALLS = [
    Pitfall("URC between echo and first response line",
            ("urc_before_reply", {"line": "+CEREG: 0"}), signal_is_told, signal_is_told),
    Pitfall("several URCs back to back", None, storm_naive, storm_careful),
    Pitfall("URC, OK and data in one read",
            ("urc_behind_reply", {"line": "+NNMI: 1,AA"}), answers_ok, answers_ok),
    Pitfall("unknown URC", None, unknown_naive, unknown_careful),
    Pitfall("reply split at a byte boundary",
            ("split", {"of": "reply", "at": 6, "gap": "400ms"}), signal_is_told, signal_is_told),
    Pitfall("silence behind every byte", ("drip", {"of": "reply", "gap": "30ms"}), answers_ok, answers_ok),
    Pitfall("silence between a reply and its OK", ("pause", {"behind": "\\r\\n\\r\\n", "gap": "2s"}),
            answers_ok, answers_ok),
    Pitfall("a character of the host without its stop bit", ("framing_error", {}), answers_ok, answers_ok),
    Pitfall("first line lost after sleep", None, asleep_naive, asleep_careful, overrides=(FAST,)),
    Pitfall("SIM failure first, READY a second later",
            ("answer", {"command": "AT+CPIN?", "lines": "+CME ERROR: 13", "times": 2}), sim_naive, sim_careful),
    Pitfall("module reboots by itself", None, reboot_naive, reboot_careful),
    Pitfall("URC enables lost", None, settings_naive, settings_careful),
    Pitfall("registration lost for a while", None, registration_naive, registration_careful),
    Pitfall("autobaud: URCs silent until the first AT",
            ("urcs_wait_for_input", {}), boot_wait_naive, boot_wait_careful, settled=0.0),
    Pitfall("URC port routed to another interface",
            ("urcs_elsewhere", {}), attached_report_naive, attached_report_careful, settled=0.0),
    Pitfall("spelling without the blank",
            ("respell", {"old": "+QLWEVTIND: ", "new": "+QLWEVTIND:"}), session_naive, session_careful),
    Pitfall("spelling with an equals sign",
            ("respell", {"old": "+QLWEVTIND: ", "new": "+QLWEVTIND="}), session_naive, session_careful),
    Pitfall("command while booting, answered late", None, early_naive, early_careful, settled=0.0),
    Pitfall("command while booting, lost", None, early_naive, early_careful, settled=0.0,
            overrides=('boot.early_input="lost"',)),
    Pitfall("second uplink while a CON is pending", None, pending_naive, pending_careful),
    Pitfall("platform RST, observation lost", None, reset_naive, reset_careful),
    Pitfall("reply takes the vendor's maximum time", ("slowest_replies", {}), slow_naive, slow_careful),
    Pitfall("baud rate mismatch", ("host_rate", {"rate": 115200}), rate_naive, rate_careful),
    Pitfall("reply lost", ("drop", {"of": "reply", "match": "OK"}), answers_ok, answers_ok),
    Pitfall("reply corrupted", ("corrupt", {"of": "reply", "match": "+CSQ", "at": 3}), signal_is_told,
            signal_is_told),
    Pitfall("no answer for a while", ("freeze", {"seconds": "8s"}), answers_ok, answers_ok),
    Pitfall("no prompt", None, prompt_naive, prompt_careful),
    Pitfall("firmware update starts by itself after an uplink", None, update_naive, update_careful),
    Pitfall("platform slow to observe", ("platform_slow_observe", {"seconds": "20s"}), session_naive,
            session_careful),
]  # fmt: skip


def run(pitfall: Pitfall, kind: type[Naive] | type[Careful], seed: int) -> bool:
    async def main() -> bool:
        simulation = Simulation(Options("bc260y", seed=seed, overrides=pitfall.overrides))
        port = MemoryPort()
        await simulation.start(port)
        try:
            await asyncio.sleep(pitfall.settled)
            port.host_read()
            if pitfall.fault is not None:
                simulation.faults.begin(*pitfall.fault)
            host = kind(simulation, port)
            return await (pitfall.naive(host) if isinstance(host, Naive) else pitfall.careful(host))
        finally:
            await simulation.stop()

    return clock.run(main(), virtual=True)


@pytest.mark.parametrize("pitfall", PITFALLS, ids=lambda pitfall: pitfall.title)
@pytest.mark.parametrize("seed", range(3))
def test_a_naive_host_fails_and_a_careful_one_passes(pitfall: Pitfall, seed: int) -> None:
    assert run(pitfall, Naive, seed) is False
    assert run(pitfall, Careful, seed) is True


HEALTHY = [answers_ok, signal_is_told, sim_naive, session_naive, attached_report_naive]


@pytest.mark.parametrize("work", HEALTHY)
def test_the_naive_host_passes_where_nothing_goes_wrong(work: Any) -> None:
    settled = 0.0 if work is attached_report_naive else ATTACHED
    assert run(Pitfall("healthy", None, work, work, settled), Naive, 0)
