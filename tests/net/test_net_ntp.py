"""SNTP: known bytes, what is no request, answers that are lost or come from elsewhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from test_net_bearer import Bench, play

from modemsim.net import ntp

NOW = datetime(2026, 8, 6, 12, 40, 4, tzinfo=UTC)
PLATFORM = ("180.101.147.115", 5683)


def test_an_answer_is_what_the_standard_says() -> None:
    request = bytes([0x23]) + bytes(39) + bytes(range(8))
    answer = ntp.answer(request, NOW)
    assert answer is not None
    assert len(answer) == 48
    assert answer[:2] == b"\x24\x01"
    assert answer[24:32] == bytes(range(8))
    assert int.from_bytes(answer[40:44], "big") == int((NOW - ntp.EPOCH).total_seconds())


def test_fractions_of_a_second_arrive() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: ntp.answer(data, moment)
        told = await ntp.ask(bench.bearer, PLATFORM, 10.0, 1)
        assert told is not None
        assert abs((told - moment).total_seconds()) < 1e-5

    moment = NOW.replace(microsecond=135_790)
    play(body)


def test_what_is_no_request_gets_no_answer() -> None:
    for data in (b"", bytes(47), bytes([0x24]) + bytes(47), bytes(48)):
        assert ntp.answer(data, NOW) is None


def test_a_lost_request_is_repeated() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: ntp.answer(data, NOW)
        bench.radio.losses = [True]
        assert await ntp.ask(bench.bearer, PLATFORM, 10.0, 2) == NOW
        assert round(asyncio.get_running_loop().time(), 1) == 10.2

    play(body)


def test_nonsense_and_silence_are_no_answers() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: b"nonsense" * 6
        assert await ntp.ask(bench.bearer, PLATFORM, 10.0, 2) is None
        assert round(asyncio.get_running_loop().time(), 1) == 20.0

    play(body)
