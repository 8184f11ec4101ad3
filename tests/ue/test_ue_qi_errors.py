"""Every number of AT+QIGETERROR: provoked from its cause here, or named in the documented list of the rest."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sockets_bench import farewell, listening, on_module, open_tcp, told
from test_ue_sockets import Peer, echo
from ue_bench import Bench

from modemsim.profile import load

ECHO = '"192.0.2.7",7'
FIDELITY = Path(__file__).parents[2] / "docs" / "fidelity.md"
Patch = pytest.MonkeyPatch
Cause = Callable[[Bench, Patch], Awaitable[None]]
CAUSES: dict[int, Cause] = {}


def cause(number: int) -> Callable[[Cause], Cause]:
    def keep(work: Cause) -> Cause:
        CAUSES[number] = work
        return work

    return keep


async def refused(bench: Bench, line: str, limit: float = 30.0) -> None:
    assert await bench.ask(line, limit) == ["ERROR"]


async def opened(bench: Bench, error: int, rest: str = f'"TCP",{ECHO}', cid: int = 1) -> None:
    """Open socket 0; the line behind the OK tells the number."""
    assert await bench.ask(f"AT+QIOPEN={cid},0,{rest}") == ["OK"]
    await told(bench, b"+QIOPEN: 0,%d" % error, 100)


async def prompt(bench: Bench, line: str) -> None:
    bench.port.host_write(line.encode() + b"\r")
    await bench.port.host_read_until(b">", 10)


@cause(552)
async def a_value_out_of_range(bench: Bench, patch: Patch) -> None:
    await refused(bench, f'AT+QIOPEN=1,12,"TCP",{ECHO}')


@cause(553)
async def more_data_than_the_send_buffer_holds(bench: Bench, patch: Patch) -> None:
    await opened(bench, 0)
    bench.simulation.network.patch(outage=True)
    for _ in range(7):
        await prompt(bench, "AT+QISEND=0,1460")
        bench.port.host_write(bytes(1460))
        await told(bench, b"SEND OK")
    await prompt(bench, "AT+QISEND=0,1460")
    bench.port.host_write(bytes(1460))
    await told(bench, b"SEND FAIL")


@cause(554)
async def no_socket_left(bench: Bench, patch: Patch) -> None:
    def exhausted(*given: object, **named: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    patch.setattr(socket, "socket", exhausted)
    await opened(bench, 554)


@cause(555)
async def a_form_that_does_not_exist(bench: Bench, patch: Patch) -> None:
    await refused(bench, "AT+QISEND?")


@cause(556)
async def a_port_of_its_own_that_is_taken(bench: Bench, patch: Patch) -> None:
    assert await bench.ask('AT+QIOPEN=1,1,"UDP SERVICE","127.0.0.1",0,3030') == ["OK"]
    await told(bench, b"+QIOPEN: 1,0")
    await opened(bench, 556, '"UDP SERVICE","127.0.0.1",0,3030')


@cause(557)
async def a_port_that_cannot_be_listened_on(bench: Bench, patch: Patch) -> None:
    def taken(*given: object) -> None:
        raise OSError(errno.EADDRINUSE, "taken")

    patch.setattr(socket.socket, "listen", taken)
    await opened(bench, 557, '"TCP LISTENER","127.0.0.1",0,0')


@cause(558)
async def a_connection_that_goes_before_the_data_is_acknowledged(bench: Bench, patch: Patch) -> None:
    await bench.ask('AT+QICFG="TCP/SendMode",1')
    await bench.ask('AT+QICFG="tcp/retranscfg",3,5')
    await opened(bench, 0)
    bench.simulation.network.patch(outage=True)
    bench.port.host_write(b"AT+QISENDEX=0,00\r")
    await told(bench, b"SEND FAIL")


@cause(559)
async def reading_on_where_the_connection_broke(bench: Bench, patch: Patch) -> None:
    await bench.ask('AT+QICFG="tcp/retranscfg",3,5')
    await opened(bench, 0)
    bench.simulation.network.patch(outage=True)
    assert await bench.ask('AT+QISEND=0,4,"lost"') == ["OK"]
    await told(bench, b'+QIURC: "closed",0', 60)
    await refused(bench, "AT+QIRD=0")


@cause(560)
async def accepting_nobody(bench: Bench, patch: Patch) -> None:
    await listening(bench)
    await refused(bench, "AT+QIACCEPT=5,1")


@cause(561)
async def no_context(bench: Bench, patch: Patch) -> None:
    assert await bench.ask("AT+QIDEACT=1") == ["OK"]
    await opened(bench, 561)


@cause(562)
async def deactivating_what_is_not_defined(bench: Bench, patch: Patch) -> None:
    await refused(bench, "AT+QIDEACT=7")


@cause(563)
async def a_number_in_use(bench: Bench, patch: Patch) -> None:
    await opened(bench, 0)
    await refused(bench, f'AT+QIOPEN=1,0,"TCP",{ECHO}')


@cause(564)
async def a_second_look_up_at_once(bench: Bench, patch: Patch) -> None:
    bench.simulation.network.patch(outage=True)
    assert await bench.ask('AT+QIDNSGIP=1,"a.test"') == ["OK"]
    await refused(bench, 'AT+QIDNSGIP=1,"b.test"')


@cause(565)
async def a_name_nobody_knows(bench: Bench, patch: Patch) -> None:
    await opened(bench, 565, '"TCP","nobody.invalid",7')


@cause(566)
async def a_port_without_a_service(bench: Bench, patch: Patch) -> None:
    await opened(bench, 566, '"TCP","180.101.147.115",81')


@cause(567)
async def sending_where_the_peer_has_closed(bench: Bench, patch: Patch) -> None:
    async with Peer(farewell) as peer:
        await open_tcp(bench, peer.port)
        assert await bench.ask('AT+QISEND=0,1,"x"') == ["OK"]
        await told(bench, b'+QIURC: "closed",0')
        await refused(bench, "AT+QISEND=0")


@cause(568)
async def a_second_ping_at_once(bench: Bench, patch: Patch) -> None:
    assert await bench.ask('AT+QPING=1,"192.0.2.99",5,1') == ["OK"]
    await refused(bench, 'AT+QPING=1,"192.0.2.99",5,1')


@cause(569)
async def a_peer_that_does_not_answer_in_time(bench: Bench, patch: Patch) -> None:
    bench.simulation.network.patch(outage=True)
    await opened(bench, 569, '"TCP","192.0.2.99",7,0,0,11,10')


@cause(570)
async def the_context_lost_behind_the_prompt(bench: Bench, patch: Patch) -> None:
    await opened(bench, 0)
    await prompt(bench, "AT+QISEND=0,4")
    await bench.simulation.ue.access.set_functionality(4)
    bench.port.host_write(b"data")
    await told(bench, b"ERROR")


@cause(571)
async def the_host_gives_up_behind_the_prompt(bench: Bench, patch: Patch) -> None:
    await opened(bench, 0)
    await prompt(bench, "AT+QISEND=0")
    bench.port.host_write(b"never mind\x1b")
    await told(bench, b"OK")


@cause(572)
async def a_service_in_transparent_mode(bench: Bench, patch: Patch) -> None:
    await refused(bench, 'AT+QIOPEN=1,0,"UDP SERVICE","127.0.0.1",0,0,2')


@cause(573)
async def a_context_without_a_name(bench: Bench, patch: Patch) -> None:
    await refused(bench, "AT+QIACT=3")


@cause(580)
async def a_parameter_left_out(bench: Bench, patch: Patch) -> None:
    await refused(bench, 'AT+QIOPEN=1,0,"TCP"')


def documented() -> set[int]:
    """The numbers of which docs/fidelity.md says why nothing provokes them."""
    found: set[int] = set()
    for line in FIDELITY.read_text().splitlines():
        if line.startswith("| QIGETERROR "):
            for low, high in re.findall(r"(5\d\d)(?: to (5\d\d))?", line.split("|")[1]):
                found |= set(range(int(low), int(high or low) + 1))
    return found


@pytest.mark.parametrize("number", range(550, 581))
def test_each_number_has_a_cause_or_a_reason(number: int, monkeypatch: Patch) -> None:
    if number not in CAUSES:
        assert number in documented(), f"{number} is neither provoked nor explained"
        return
    assert number not in documented(), f"{number} has a cause, and a reason to have none"

    async def work(bench: Bench) -> None:
        with monkeypatch.context() as patch:
            await CAUSES[number](bench, patch)
            await asyncio.sleep(0)
        text = load("ec800e").words["qi_errors"][str(number)]
        assert await bench.ask("AT+QIGETERROR") == [f"+QIGETERROR: {number},{text}", "OK"]

    on_module(work)


def test_a_successful_start_has_no_error() -> None:
    async def work(bench: Bench) -> None:
        assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 0,operate successfully", "OK"]
        async with Peer(echo) as peer:
            await open_tcp(bench, peer.port)
        assert await bench.ask("AT+QIGETERROR") == ["+QIGETERROR: 0,operate successfully", "OK"]

    on_module(work)
