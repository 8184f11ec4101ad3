"""Every error number of the Neul family's list: provoked by a real cause, or on record as one that has none."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from ue_bench import Bench, on_bench

from modemsim.profile import load

PAGE = Path(__file__).parent.parent.parent / "docs" / "fidelity.md"
NUMBERS = (3, 4, 50, 159, *range(512, 538))
ECHO = "192.0.2.7"
UDP, TCP = "AT+NSOCR=DGRAM,17,0,0", "AT+NSOCR=STREAM,6,0,1"
CONNECT = f"AT+NSOCO=1,{ECHO},7"

Act = Callable[[Bench], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """What has to be so before a line is answered with the number: commands, and things that happen."""

    number: int
    cause: str
    line: str
    before: Sequence[str | Act] = ()
    overrides: tuple[str, ...] = ()
    profile: str = "bc35"


async def idle(bench: Bench) -> None:
    while bench.simulation.ue.radio.connected:
        await asyncio.sleep(1)


async def congested(bench: Bench) -> None:
    await idle(bench)
    bench.simulation.network.patch(congested=True)


async def silent(bench: Bench) -> None:
    bench.simulation.network.patch(loss=1.0)


async def parity(bench: Bench) -> None:
    bench.simulation.faults.begin("parity_error", {})


async def framing(bench: Bench) -> None:
    bench.simulation.faults.begin("framing_error", {})


async def command_runs(bench: Bench) -> None:
    """A command is under way, and the next byte comes while it runs."""
    bench.port.host_write(b"AT+COPS=?\r")
    await asyncio.sleep(0.2)


def sending(count: int) -> list[str]:
    return [f"AT+NSOSD=1,1358,{'41' * 1358}"] * count


CASES = (
    Case(3, "needs the radio off", "AT+NBAND=5"),
    Case(3, "a second PDN connection", "AT+CGACT=1,1", ['AT+CGDCONT=1,"IP","x"']),
    Case(4, "no such command", "AT+NOSUCH"),
    Case(50, "wrong form", "AT+CGMR?"),
    Case(50, "a value out of range", "AT+NSOCL=7"),
    Case(159, "the send buffer is full", sending(1)[0], [TCP, CONNECT, silent, *sending(6)]),
    Case(
        159,
        "as much waits for the connection as can",
        sending(1)[0],
        [TCP, CONNECT, *sending(6)],
        ('timing.latency_ce0="10s"',),
        "bc28-cnv",
    ),
    Case(50, "the length does not fit", "AT+NSOST=1,192.0.2.7,7,2,41", [UDP]),
    Case(512, "no socket is free", UDP, [UDP] * 6),
    Case(512, "an IPv6 socket in an IPv4 network", "AT+NSOCR=DGRAM,17,0,1,AF_INET6"),
    Case(512, "no network", UDP, ["AT+CGATT=0"]),
    Case(512, "no platform address", "AT+QLWSREGIND=0"),
    Case(513, "the platform is not ready", "AT+NMGS=1,41", ["AT+NCDP=180.101.147.115"]),
    Case(515, "the context is active", "AT+CGDCONT=0"),
    Case(516, "the stream is not connected", "AT+NSOSD=1,1,41", [TCP]),
    Case(516, "the stream is connected", CONNECT, [TCP, CONNECT]),
    Case(516, "a prompt for a stream that is none", "AT+NSOSDEX=1,0,0,1", [TCP]),
    Case(517, "no context has this number", "AT+CGACT=1,11"),
    Case(518, "the context is not active", "AT+CGAPNRC=1", ['AT+CGDCONT=1,"IP","x"']),
    Case(518, "nobody is there to connect to", "AT+NSOCO=1,180.101.147.115,81", [TCP]),
    Case(518, "no network to connect by", CONNECT, [TCP, "AT+CGATT=0"]),
    Case(520, "the last context", "AT+CGACT=0,0"),
    Case(521, "the context is not defined", "AT+CGACT=1,5"),
    Case(522, "a parity error in the line", "AT+CSQ", [parity]),
    Case(523, "a character without stop bit", "AT+CSQ", [framing]),
    Case(523, "a line without AT", "+CSQ"),
    Case(524, "the radio is off", UDP, ["AT+CFUN=0"]),
    Case(525, "the number of a message that waits", f"AT+NSOST=1,{ECHO},7,1,42,9",
         [UDP, idle, f"AT+NSOST=1,{ECHO},7,1,41,9"], ("timing.rrc_setup=5s",)),
    Case(525, "a ping runs", f"AT+NPING={ECHO}", ["AT+NPING=192.0.2.1"]),
    Case(525, "a command runs", "AT", [command_runs], ("dialect.busy=refuse",)),
    Case(526, "further input ends a command", "A", [command_runs], ("dialect.busy=abort",)),
    Case(530, "the socket is the platform's", "AT+NSOCL=0"),
    Case(535, "no such socket", "AT+NSOCL=3"),
    Case(535, "a stream command on a datagram socket", CONNECT, [UDP]),
    Case(535, "the platform service is off", "AT+NMGS=1,41", (), ('settings."+QREGSWT.type".default=2',)),
    Case(536, "a line longer than the module holds", "AT+NSOST=1,192.0.2.7,7,1," + "41" * 1500, [UDP]),
    Case(537, "the back-off timer runs", f"AT+NSOST=1,{ECHO},7,1,41", [UDP, congested]),
)  # fmt: skip
ELSEWHERE = {529: "tests/golden/bc35/fota_data_refused.at"}
"""Numbers whose cause takes a dialogue of its own: the transcript that shows them."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number}-{case.cause.replace(' ', '-')}")
def test_a_number_has_this_cause(case: Case) -> None:
    async def work(bench: Bench) -> list[str]:
        await bench.attached()
        for step in ("ATE0", "AT+CMEE=1", *case.before):
            if isinstance(step, str):
                assert (await bench.ask(step, 60.0))[-1] == "OK", step
            else:
                await step(bench)
        return await bench.ask(case.line, 60.0)

    heard = on_bench(work, case.profile, overrides=case.overrides)
    assert heard[-1] == f"+CME ERROR: {case.number}"


def documented() -> set[int]:
    """The numbers that the page lists as those nothing provokes."""
    section = PAGE.read_text(encoding="utf-8").split("## BC35-G", 1)[1].split("\n## ", 1)[0]
    rows = section.split("### What cannot be provoked", 1)[1].splitlines()
    cells = [row.split("|")[1] for row in rows if row.startswith("|")]
    return {
        number
        for cell in cells
        for low, high in re.findall(r"\b(\d+)(?: to (\d+))?\b", cell)
        for number in range(int(low), int(high or low) + 1)
    }


def test_every_number_of_the_list_is_provoked_or_documented() -> None:
    provoked = {case.number for case in CASES} | set(ELSEWHERE)
    assert not provoked & documented()
    assert set(NUMBERS) - provoked <= documented()
    for number, transcript in ELSEWHERE.items():
        assert f"+CME ERROR: {number}\n" in (PAGE.parent.parent / transcript).read_text(encoding="utf-8")


def test_every_number_the_profile_can_answer_is_one_that_something_provokes_or_is_not_of_the_list() -> None:
    groups = load("bc35").errors.groups.values()
    answered = {number for group in groups for number in group.numbers.values() if isinstance(number, int)}
    of_the_list = answered & set(NUMBERS)
    assert of_the_list <= {case.number for case in CASES} | set(ELSEWHERE) | {514}
