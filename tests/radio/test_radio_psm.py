"""Power saving on virtual time: what is granted, when the module sleeps, what wakes it; timer values as bits."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_radio_radio import Bench, play

from modemsim.radio import Psm, Saving, timers


def test_active_time_psm_and_the_periodic_update() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.wish(Saving(active=10.0, periodic=600.0))
        await bench.attached()
        await asyncio.sleep(1)
        bench.taken()
        await asyncio.sleep(699)
        assert bench.taken() == [
            (23.0, "rrc", 0),
            (33.0, "psm", True),
            (623.0, "psm", False),
            (623.25, "rrc", 1),
            (624.75, "rrc", 0),
            (634.75, "psm", True),
        ]
        assert bench.radio.saving.until_update() == pytest.approx(624.75 + 600 - 703)

    play(body)


def test_data_ends_psm_and_a_refusing_network_grants_nothing() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.wish(Saving(active=10.0))
        await bench.attached()
        await asyncio.sleep(60)
        assert bench.radio.saving.state is Psm.ASLEEP
        await bench.radio.connect()
        assert bench.radio.saving.state is Psm.AWAKE
        bench.network.patch(psm=False)
        bench.radio.wish(Saving(active=20.0))
        await asyncio.sleep(100)
        assert bench.radio.saving.granted == Saving()
        assert bench.radio.saving.state is Psm.AWAKE

    play(body)


def test_an_outage_in_psm_is_noticed_at_the_next_sign_of_life() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.wish(Saving(active=10.0))
        await bench.attached()
        await asyncio.sleep(60)
        bench.network.patch(outage=True)
        await asyncio.sleep(1000)
        assert bench.radio.attached
        sending = asyncio.ensure_future(bench.radio.connect())
        await asyncio.sleep(11)
        assert not bench.radio.attached
        with pytest.raises(ConnectionError):
            await sending

    play(body)


def test_edrx_makes_paging_wait_for_its_window() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.wish(Saving(cycle=81.92, window=10.24))
        await bench.attached()
        await asyncio.sleep(20 + 5)  # idle for 5 s
        assert bench.radio.until_paging() == 0.0
        await asyncio.sleep(20)
        assert bench.radio.until_paging() == pytest.approx(81.92 - 25)

    play(body)


@pytest.mark.parametrize(
    ("bits", "seconds"),
    [("00000101", 10), ("00100001", 60), ("01000010", 720), ("11100000", None)],
)
def test_active_time_as_bits(bits: str, seconds: float | None) -> None:
    assert timers.active_seconds(bits) == seconds
    if seconds is not None:
        assert timers.active_bits(seconds) == bits


@pytest.mark.parametrize(
    ("bits", "seconds"),
    [
        ("00000011", 1800),
        ("00111100", 28 * 3600),
        ("01100101", 10),
        ("10100001", 60),
        ("11011111", 31 * 1152000),
    ],
)
def test_periodic_update_as_bits(bits: str, seconds: float) -> None:
    assert timers.periodic_seconds(bits) == seconds
    assert timers.periodic_bits(seconds) == bits


@given(st.integers(1, 31), st.sampled_from((0, 1, 2, 3, 4, 5, 6)))
def test_bits_stand_for_the_same_time_again(count: int, unit: int) -> None:
    seconds = timers.periodic_seconds(f"{unit:03b}{count:05b}")
    assert seconds is not None
    assert timers.periodic_seconds(timers.periodic_bits(seconds)) == seconds


@pytest.mark.parametrize("bits", ["", "0000010", "000001012", "abcdefgh"])
def test_what_is_no_timer_value(bits: str) -> None:
    with pytest.raises(ValueError, match="eight bits"):
        timers.active_seconds(bits)
