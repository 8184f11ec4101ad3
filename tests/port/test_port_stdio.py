"""Standard streams as a port: pipes, files, a reader that stops reading."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemsim import clock
from modemsim.port import StdioPort

pytestmark = pytest.mark.realtime


@pytest.fixture
def pipes() -> Iterator[list[int]]:
    """read and write end of input, read and write end of output"""
    ends = [*os.pipe(), *os.pipe()]
    os.set_blocking(ends[2], False)
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


async def until_gone(port: StdioPort) -> None:
    """Wait for the end of the input."""
    gone = asyncio.Event()
    port.on_host = lambda present: None if present else gone.set()
    await port.start()
    async with asyncio.timeout(2):
        await gone.wait()


def test_raw_bytes_both_ways_until_end_of_file(pipes: list[int]) -> None:
    async def main() -> None:
        port = StdioPort(pipes[0], pipes[3])
        got = bytearray()
        port.receiver = got.extend
        os.write(pipes[1], bytes(range(256)))
        os.close(pipes[1])
        pipes[1] = -1
        await until_gone(port)
        assert bytes(got) == bytes(range(256))
        assert port.write(bytes(range(256)) * 3) == 768
        assert os.read(pipes[2], 1000) == bytes(range(256)) * 3
        await port.stop()

    clock.run(main())


def test_a_file_as_input(tmp_path: Path, pipes: list[int]) -> None:
    script = tmp_path / "script"
    script.write_bytes(b"AT\r" * 1000)

    async def main() -> None:
        with script.open("rb") as file:
            port = StdioPort(file.fileno(), pipes[3])
            got = bytearray()
            port.receiver = got.extend
            await until_gone(port)
            assert bytes(got) == b"AT\r" * 1000

    clock.run(main())


def test_stopping_ends_the_reading(pipes: list[int]) -> None:
    async def main() -> None:
        port = StdioPort(pipes[0], pipes[3])
        told: list[bool] = []
        got = bytearray()
        port.on_host = told.append
        port.receiver = got.extend
        await port.start()
        await port.stop()
        os.write(pipes[1], b"late")
        await asyncio.sleep(0.005)
        null = os.open(os.devnull, os.O_RDONLY)
        port = StdioPort(null, pipes[3])
        port.on_host = told.append
        await port.start()
        await port.stop()
        await asyncio.sleep(0.005)
        os.close(null)
        assert (told, got) == ([True, False, True, False], b"")

    clock.run(main())


def test_a_reader_that_stops_reading_or_goes_blocks_nobody(pipes: list[int]) -> None:
    async def main() -> None:
        port = StdioPort(pipes[0], pipes[3])
        await port.start()
        written = port.write(b"x" * 1_000_000)
        assert 4096 <= written < 1_000_000
        assert port.write(b"more") == 0
        os.close(pipes[2])
        pipes[2] = -1
        assert port.write(b"nobody") == 0
        await port.stop()

    clock.run(main())
