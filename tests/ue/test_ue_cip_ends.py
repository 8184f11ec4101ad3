"""How connections of the SIM800-style task end: bearers lost, peers gone, power cut, chips asleep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from cip_bench import on_module, opened, state
from test_ue_sockets import Peer, echo
from ue_bench import Bench, on_bench

from modemsim.ue.cip_states import Cip

Loss = Callable[[Bench], Awaitable[Any]]
LOSSES: dict[str, Loss] = {
    "CFUN=0": lambda bench: bench.ask("AT+CFUN=0"),
    "CFUN=4": lambda bench: bench.ask("AT+CFUN=4"),
    "CGATT=0": lambda bench: bench.ask("AT+CGATT=0"),
    "COPS=2": lambda bench: bench.ask("AT+COPS=2"),
}


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_bearer_lost_in_the_middle(loss: str, several: bool) -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        if several:
            for line in ("AT+CIPMUX=1", "AT+CSTT", "AT+CIICR"):
                assert await bench.ask(line) == ["OK"]
            await bench.say(b"AT+CIFSR\r")
        heads = [f"{n}," for n in range(6)] if several else [""]
        for head in heads:
            assert await bench.ask(f'AT+CIPSTART={head}"TCP","127.0.0.1",{peer.port}') == ["OK"]
            await bench.port.host_read_until(f"{head}CONNECT OK\r\n".encode(), 80)
        await LOSSES[loss](bench)
        heard = await bench.port.host_quiet(3)
        assert heard.count(b"+PDP: DEACT") == 1
        assert b"CLOSED" not in heard
        ue = bench.simulation.ue
        assert not ue.bearer.streams
        assert not list(ue.ip.cip.sockets)
        assert await state(bench) == "PDP DEACT"
        assert await bench.ask(f'AT+CIPSTART={heads[0]}"TCP","127.0.0.1",{peer.port}') == ["ERROR"]
        assert await bench.say(b"AT+CIPSHUT\r", 3) == b"\r\nSHUT OK\r\n"
        assert await state(bench) == "IP INITIAL"

    on_module(echo, work)


def test_the_bearer_lost_in_transparent_mode_ends_it() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("AT+CIPMODE=1")
        await opened(bench, peer.port, result=b"\r\nCONNECT\r\n")
        bench.port.host_write(b"data")
        assert await bench.port.host_quiet(3) == b"data"
        await bench.simulation.ue.radio.detach()
        assert await bench.port.host_quiet(3) == b"\r\n+PDP: DEACT\r\n"
        assert await state(bench) == "PDP DEACT"

    on_module(echo, work)


@pytest.mark.parametrize("escaped", [False, True])
def test_a_peer_that_closes_in_transparent_mode(escaped: bool) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(3)
        await asyncio.sleep(10)
        writer.write(b"last words")
        writer.close()

    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("AT+CIPMODE=1")
        await opened(bench, peer.port, result=b"\r\nCONNECT\r\n")
        bench.port.host_write(b"now")
        if escaped:
            await asyncio.sleep(2)
            assert await bench.say(b"+++", 2) == b"\r\nOK\r\n"
            await asyncio.sleep(20)
            assert bench.port.host_read() == b""
            assert await bench.say(b"ATO\r", 3) == b"\r\nCONNECT\r\nlast words\r\nCLOSED\r\n"
        else:
            assert await bench.port.host_quiet(20) == b"last words\r\nCLOSED\r\n"
        assert await state(bench) == "TCP CLOSED"
        assert await bench.say(b"ATO\r") == b"\r\nNO CARRIER\r\n"

    on_module(serve, work)


def test_transparent_mode_can_begin_while_another_command_runs_or_prompts() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        assert (await bench.ask("AT+CSOC=1,2,1"))[-1] == "OK"
        assert await bench.ask('AT+CSOCON=0,7,"192.0.2.7"') == ["OK"]
        assert await bench.ask("AT+CIPMODE=1") == ["OK"]
        assert await bench.ask(f'AT+CIPSTART="TCP","127.0.0.1",{peer.port}') == ["OK"]
        assert await bench.say(b"AT+CSODSEND=0,4\r", 5) == b"\r\n> "
        assert await bench.say(b"four", 5) == b"\r\nDATA ACCEPT: 4\r\n\r\nCONNECT\r\n"
        assert await bench.say(b"through", 3) == b"through"

    on_module(echo, work)


@pytest.mark.parametrize("line", [b"AT+CIPCLOSE", b"AT+CIPCLOSE=1", b"AT+CIPSHUT", b"AT+CGATT=0"])
def test_transparent_mode_does_not_begin_on_a_connection_that_is_gone(line: bytes) -> None:
    async def main(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await bench.attached()
            await bench.ask("ATE0")
            assert await bench.ask("AT+CIPMODE=1") == ["OK"]
            assert await bench.ask(f'AT+CIPSTART="TCP","127.0.0.1",{peer.port}') == ["OK"]
            heard = await bench.say(line + b"\r", 30)
            assert b"CONNECT\r\n" not in heard
            assert await bench.ask("AT") == ["OK"]
            assert not bench.simulation.ue.bearer.streams

    on_bench(main, "sim7020", overrides=("timing.command=10s",))


def test_power_lost_in_the_middle_leaves_nothing_behind() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        bench.port.host_write(b"AT+CIPSEND=5\r")
        await bench.port.host_read_until(b"> ", 10)
        await bench.simulation.power("reset")
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        ue = bench.simulation.ue
        assert not ue.bearer.streams
        assert not ue.ip.cip.connections
        assert await state(bench) == "IP INITIAL"
        await opened(bench, peer.port)

    on_module(echo, work)


def test_a_sleep_ends_the_task() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        assert await bench.ask('AT+CIPSTART="UDP","192.0.2.7",7') == ["OK"]
        await bench.port.host_read_until(b"CONNECT OK\r\n", 30)
        assert await bench.ask('AT+CPSMS=1,,,"01011111","00000001"') == ["OK"]
        await asyncio.sleep(60)
        ue = bench.simulation.ue
        assert ue.sleeper.state.value == "deep"
        assert ue.ip.cip.state is Cip.INITIAL
        ue.sleeper.wake("pin")
        await bench.port.host_read_until(b"+CPIN: READY", 10)
        await bench.port.host_quiet(1)
        await bench.ask("ATE0")
        assert await state(bench) == "IP INITIAL"

    on_bench(main, "sim7020", overrides=('settings."+IPR.rate".default=115200',))


def test_an_open_tcp_connection_keeps_the_chip_awake() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        assert await bench.ask('AT+CPSMS=1,,,"01011111","00000001"') == ["OK"]
        await asyncio.sleep(5000)
        assert bench.simulation.ue.sleeper.state.value == "awake"
        assert await state(bench) == "CONNECT OK"

    async def main(bench: Bench) -> None:
        async with Peer(echo) as peer:
            await work(bench, peer)

    on_bench(main, "sim7020")


def test_transparent_mode_keeps_the_chip_awake() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("AT+CIPMODE=1")
        await bench.ask("ATE0")
        assert await bench.ask('AT+CPSMS=1,,,"01011111","00000001"') == ["OK"]
        assert await bench.ask('AT+CIPSTART="UDP","192.0.2.7",7') == ["OK"]
        await bench.port.host_read_until(b"\r\nCONNECT\r\n", 30)
        await asyncio.sleep(300)
        assert await bench.say(b"still here", 5) == b"still here"

    on_bench(main, "sim7020", overrides=('settings."+IPR.rate".default=115200',))


def test_power_down_in_order_while_connected() -> None:
    async def work(bench: Bench, peer: Peer) -> None:
        await opened(bench, peer.port)
        heard = await bench.say(b"AT+CPOWD=1\r", 10)
        assert heard.endswith(b"\r\nNORMAL POWER DOWN\r\n")
        assert not bench.simulation.ue.bearer.streams

    on_module(echo, work)
