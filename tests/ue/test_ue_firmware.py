"""A module's update driven by a server of the test: push, and what is refused; states as a server sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from aiocoap import Code, Message

from modemsim import clock
from modemsim.coap import blockwise
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.ue import firmware_image

SOURCE, TARGET = "BC260YCNAAR02A02", "BC260YCNAAR02A03"


class Bench:
    """A registered BC260Y, and the platform's endpoint to ask it anything."""

    def __init__(self, state: Path | None = None) -> None:
        self.simulation = Simulation(Options("bc260y", state_dir=state))
        self.port = MemoryPort()
        self.heard = bytearray()
        self.port.heard = self.heard.extend

    async def start(self) -> None:
        await self.simulation.start(self.port)
        await asyncio.sleep(20)
        await self.open()

    async def open(self) -> None:
        self.port.host_write(b'AT+NCDPOPEN="180.101.147.115",5683\r')
        await asyncio.sleep(5)
        assert self.simulation.ue.cloud.state == "observed"

    async def ask(self, code: Code, path: str, payload: bytes = b"", content_format: int = 42) -> Message:
        platform = self.simulation.platforms["ct-iot"]
        address = platform.store[self.simulation.ue.identity.imei].address
        assert platform.coap is not None
        assert address is not None
        message = Message(code=code, uri_path=path.split("/"), payload=payload)
        if payload:
            message.opt.content_format = content_format
        return await blockwise.ask(platform.coap, message, address)

    async def number(self, path: str) -> int:
        return int((await self.ask(Code.GET, path)).payload)

    def urcs(self) -> list[str]:
        """The lines so far, without those of the progress."""
        lines = [line.decode() for line in self.heard.split(b"\r\n") if line]
        self.heard.clear()
        return [line for line in lines if "FOTA" in line and "DOWNLOADING" not in line and "%" not in line]


def on_bench(test: Callable[[Bench], Coroutine[Any, Any, None]], state: Path | None = None) -> None:
    async def main() -> None:
        bench = Bench(state)
        await bench.start()
        try:
            await test(bench)
        finally:
            await bench.simulation.stop()

    clock.run(main(), virtual=True)


def package(size: int = 5000, module: str = "bc260y") -> bytes:
    return firmware_image.build(module, SOURCE, TARGET, size)


def test_a_pushed_package_is_installed() -> None:
    async def test(bench: Bench) -> None:
        assert (await bench.ask(Code.PUT, "5/0/0", package(100_000))).code == Code.CHANGED
        assert await bench.number("5/0/3") == 1
        await asyncio.sleep(3)
        assert await bench.number("5/0/3") == 2
        assert (await bench.ask(Code.GET, "5/0/7")).payload == TARGET.encode()
        assert (await bench.ask(Code.POST, "5/0/2")).code == Code.CHANGED
        await asyncio.sleep(200)
        await bench.open()
        assert (await bench.number("5/0/3"), await bench.number("5/0/5")) == (0, 1)
        assert (await bench.ask(Code.GET, "3/0/3")).payload == TARGET.encode()
        kinds = ["DOWNLOAD START", "DOWNLOAD", "START", "END"]
        assert [line.split('"')[3] for line in bench.urcs()] == kinds

    on_bench(test)


def test_a_push_that_goes_wrong() -> None:
    async def test(bench: Bench) -> None:
        assert (await bench.ask(Code.PUT, "5/0/0", package(500_000))).code == Code.REQUEST_ENTITY_TOO_LARGE
        assert (await bench.number("5/0/3"), await bench.number("5/0/5")) == (0, 2)
        await bench.ask(Code.PUT, "5/0/0", package(module="bc35"))
        await asyncio.sleep(3)
        assert (await bench.number("5/0/3"), await bench.number("5/0/5")) == (0, 6)
        assert [line[-1] for line in bench.urcs()] == ['"', "2", '"', "4"]

    on_bench(test)


def test_what_is_refused_in_which_state() -> None:
    async def test(bench: Bench) -> None:
        assert (await bench.ask(Code.POST, "5/0/2")).code == Code.BAD_REQUEST
        await bench.ask(Code.PUT, "5/0/1", b"coap://180.101.147.115:5683/fw/9/9", 0)
        assert await bench.number("5/0/3") == 1
        assert (await bench.ask(Code.POST, "5/0/2")).code == Code.BAD_REQUEST
        assert (await bench.ask(Code.PUT, "5/0/1", b"coap://h/p", 0)).code == Code.BAD_REQUEST
        assert (await bench.ask(Code.PUT, "5/0/1")).code == Code.CHANGED
        assert (await bench.number("5/0/3"), await bench.number("5/0/5")) == (0, 0)
        await bench.ask(Code.PUT, "5/0/0", package())
        await asyncio.sleep(3)
        assert (await bench.ask(Code.PUT, "5/0/0", package())).code == Code.BAD_REQUEST
        assert (await bench.ask(Code.POST, "5/0/2", b"1", 0)).code == Code.BAD_REQUEST
        assert (await bench.ask(Code.PUT, "5/0/0", b"\0")).code == Code.CHANGED
        assert await bench.number("5/0/3") == 0

    on_bench(test)


def test_what_object_5_tells_of_itself() -> None:
    async def test(bench: Bench) -> None:
        assert await bench.number("5/0/9") == 2
        assert (await bench.ask(Code.GET, "5/0/8")).payload[-1:] == b"\0"
        assert (await bench.ask(Code.GET, "5/0/0")).code == Code.METHOD_NOT_ALLOWED

    on_bench(test)


def test_a_package_survives_the_process(tmp_path: Path) -> None:
    async def first(bench: Bench) -> None:
        await bench.ask(Code.PUT, "5/0/0", package())
        await asyncio.sleep(3)
        assert await bench.number("5/0/3") == 2

    async def second(bench: Bench) -> None:
        assert await bench.number("5/0/3") == 2
        await bench.ask(Code.POST, "5/0/2")
        await asyncio.sleep(200)
        assert bench.simulation.ue.identity.revision == TARGET

    async def third(bench: Bench) -> None:
        assert bench.simulation.ue.identity.revision == TARGET

    for test in (first, second, third):
        on_bench(test, tmp_path)


@pytest.mark.parametrize("size", [firmware_image.HEADER, 1000, 204_800])
def test_packages(size: int) -> None:
    data = package(size)
    assert len(data) == size
    assert firmware_image.check(data).target == TARGET
    if size > firmware_image.HEADER:
        with pytest.raises(firmware_image.CorruptImage, match="SHA-256"):
            firmware_image.check(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(firmware_image.CorruptImage, match="octets instead of"):
            firmware_image.check(data[:-1])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", firmware_image.ImageError),
        (b"PK\x03\x04", firmware_image.ImageError),
        (firmware_image.MAGIC, firmware_image.CorruptImage),
        (firmware_image.MAGIC + b"[]", firmware_image.CorruptImage),
        (firmware_image.MAGIC + b'{"module": 1}', firmware_image.CorruptImage),
    ],
)
def test_what_is_no_package(data: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        firmware_image.header_of(data)


@pytest.mark.parametrize("text", ["", "k", "1.5k", "-1", "200K", "9" * 10])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(firmware_image.ImageError):
        firmware_image.parse_size(text)
