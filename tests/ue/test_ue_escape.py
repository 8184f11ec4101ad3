"""The escape of transparent mode as a property: what is data and what is not depends on the bytes and silences alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from modemsim import clock
from modemsim.ue.online import ESCAPE, GUARD, pass_through

GAPS = st.sampled_from([0.01, 0.3, 0.9, 1.1, 3.0])
BURSTS = st.lists(
    st.tuples(GAPS, st.sampled_from([b"+", b"++", b"+++", b"a", b"+a", b"data", b"++++"])), max_size=8
)


class Taker:
    """A connection that takes what it is given, a few bytes at a time, or nothing at all."""

    over = False

    def __init__(self, size: int, *, deaf: bool = False) -> None:
        self.got = bytearray()
        self._size = size
        self._deaf = deaf

    def packet(self) -> tuple[int, float]:
        return self._size, 0.2

    def send(self, data: bytes) -> bool:
        if not self._deaf:
            self.got += data
        return not self._deaf

    def attach(self, out: Callable[[bytes], float] | None, wake: Callable[[], None]) -> None:
        return None


def carried(bursts: list[tuple[float, bytes]], taker: Taker) -> tuple[bool, int]:
    """Send the bursts, each behind its silence; whether one was the escape, and how many bytes were lost."""

    async def main() -> tuple[bool, int]:
        loop = asyncio.get_running_loop()
        pending, came, lost = bytearray(), asyncio.Event(), []

        async def wait(deadline: float | None) -> bool:
            came.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await came.wait()
            except TimeoutError:
                return False
            return True

        work = loop.create_task(
            pass_through(taker, pending, wait, lambda data: 0.0, lambda: None, lost.append)
        )
        await asyncio.sleep(0)
        for gap, data in bursts:
            await asyncio.sleep(gap)
            if work.done():
                break
            pending.extend(data)
            came.set()
            await asyncio.sleep(0)
        await asyncio.sleep(5)
        escaped = work.done()
        work.cancel()
        return escaped, sum(lost)

    return clock.run(main(), virtual=True)


def expected(bursts: list[tuple[float, bytes]]) -> tuple[bool, bytes]:
    """The same by the definition: bytes between two silences of a second are the escape or data."""
    runs: list[tuple[float, bytes]] = []
    for gap, data in bursts:
        if runs and gap < GUARD:
            runs[-1] = (runs[-1][0], runs[-1][1] + data)
        else:
            runs.append((gap, data))
    data = b""
    for gap, run in runs:
        if run == ESCAPE and gap >= GUARD:
            return True, data
        data += run
    return False, data


@settings(max_examples=200, deadline=None)
@given(BURSTS, st.integers(1, 5))
def test_only_the_escape_between_silences_is_not_data(bursts: list[tuple[float, bytes]], size: int) -> None:
    taker = Taker(size)
    escaped, lost = carried(bursts, taker)
    assert (escaped, bytes(taker.got), lost) == (*expected(bursts), 0)


@settings(max_examples=100, deadline=None)
@given(BURSTS)
def test_a_connection_that_takes_nothing_does_not_hide_the_escape(bursts: list[tuple[float, bytes]]) -> None:
    escaped, lost = carried(bursts, Taker(4, deaf=True))
    wanted, data = expected(bursts)
    assert (escaped, lost) == (wanted, len(data) if wanted else 0)
