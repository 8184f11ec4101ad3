"""Firmware update in the interoperability list: Leshan writes, executes and watches; packages from a server here.

They are entered into `CASES`, behind those of `interop_cases`.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from interop_cases import CASES, OPAQUE, TEXT, TLV, case
from interop_scene import Scene

from modemsim.coap.endpoint import Endpoint, PlainSocket
from modemsim.coap.packages import Package
from modemsim.ue import firmware_image

__all__ = ["CASES"]

TARGET = "BC260YCNAAR02A03"
NO_WAIT = ("firmware.block_wait=0.3", "firmware.block_repeats=1")


def package(scene: Scene, size: int = 20_000, *, module: str = "bc260y", source: str | None = None) -> bytes:
    """A package for the module in front, unless told otherwise."""
    return firmware_image.build(module, source or scene.simulation.ue.identity.revision, TARGET, size)


class Shelf:
    """Serves one package; `deaf_after` blocks it answers no more."""

    def __init__(self, data: bytes, deaf_after: int | None = None) -> None:
        self._package = Package.of(data)
        self._left = deaf_after

    async def render_to_pipe(self, pipe: Any) -> None:
        """Answer one request."""
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                return
        pipe.add_response(self._package.serve(pipe.request), is_last=True)


@asynccontextmanager
async def served(data: bytes, deaf_after: int | None = None) -> AsyncIterator[str]:
    """The URI of a package on a CoAP server of its own."""
    endpoint = Endpoint(PlainSocket(), Shelf(data, deaf_after), stream=random.Random(1))
    try:
        yield f"coap://127.0.0.1:{endpoint.local[1]}/fw"
    finally:
        endpoint.close()


async def watch(scene: Scene) -> None:
    """Register, and have the server observe state and result."""
    await scene.register()
    assert await scene.ask("observe", "/5/0/3", ct=TEXT) == ("205", 0)
    assert await scene.ask("observe", "/5/0/5", ct=TEXT) == ("205", 0)


async def told(scene: Scene, *states: int) -> None:
    """The states the server is notified of, in this order."""
    for state in states:
        await scene.leshan.event("notified", path="/5/0/3", value=state)


async def ends_with(scene: Scene, result: int) -> None:
    """A download that fails: back to state 0, with its result."""
    await told(scene, 1, 0)
    assert await scene.ask("read", "/5/0/5", ct=TEXT) == ("205", result)
    assert await scene.ask("read", "/5/0/3", ct=TEXT) == ("205", 0)


async def updated(scene: Scene) -> None:
    """Execute, restart, register again: the new version is there."""
    assert await scene.code("execute", "/5/0/2") == "204"
    await told(scene, 3)
    await scene.until(r'"END",0')
    await scene.until(r"\+CPIN: READY")
    await scene.register()
    assert await scene.ask("read", "/5/0/3", ct=TEXT) == ("205", 0)
    assert await scene.ask("read", "/5/0/5", ct=TEXT) == ("205", 1)
    assert await scene.ask("read", "/3/0/3", ct=TEXT) == ("205", TARGET)


@case("755", "package pushed to 5/0/0 in blocks, installed, told after the next registration")
async def _(scene: Scene) -> None:
    await watch(scene)
    assert await scene.code("write", "/5/0/0", hex=package(scene).hex(), ct=OPAQUE) == "204"
    await told(scene, 1, 2)
    await updated(scene)


@case("756", "package URI written to 5/0/1: state 1; an empty one cancels")
async def _(scene: Scene) -> None:
    await watch(scene)
    async with served(package(scene), deaf_after=3) as uri:
        assert await scene.code("write", "/5/0/1", value=uri, ct=TEXT) == "204"
        await told(scene, 1)
        assert await scene.code("write", "/5/0/1", value=uri, ct=TEXT) == "400"
        assert await scene.code("write", "/5/0/1", value="", ct=TEXT) == "204"
        await told(scene, 0)
        assert await scene.ask("read", "/5/0/5", ct=TEXT) == ("205", 0)


@case("770", "package pulled by CoAP, installed, told after the next registration")
async def _(scene: Scene) -> None:
    await watch(scene)
    async with served(package(scene, 50_000)) as uri:
        assert await scene.code("write", "/5/0/1", value=uri, ct=TEXT) == "204"
        await told(scene, 1, 2)
    code, value = await scene.ask("read", "/5/0", ct=TLV)
    assert (code, value["6"], value["7"], value["9"]) == ("205", "bc260y", TARGET, 2)
    await updated(scene)


@case("771", "Execute is refused with 4.00 in states 0 and 1, and with arguments")
async def _(scene: Scene) -> None:
    await watch(scene)
    assert await scene.code("execute", "/5/0/2") == "400"
    async with served(package(scene), deaf_after=3) as uri:
        await scene.code("write", "/5/0/1", value=uri, ct=TEXT)
        assert await scene.code("execute", "/5/0/2") == "400"
        await scene.code("write", "/5/0/1", value="", ct=TEXT)
    await scene.code("write", "/5/0/0", hex=package(scene).hex(), ct=OPAQUE)
    await told(scene, 2)
    assert await scene.code("execute", "/5/0/2", arguments="1") == "400"


@case("772", "not enough storage: result 2", "limits.firmware_bytes=4096")
async def _(scene: Scene) -> None:
    await watch(scene)
    async with served(package(scene)) as uri:
        await scene.code("write", "/5/0/1", value=uri, ct=TEXT)
        await ends_with(scene, 2)


@case("774", "connection lost during the download: result 4", *NO_WAIT)
async def _(scene: Scene) -> None:
    await watch(scene)
    async with served(package(scene), deaf_after=5) as uri:
        await scene.code("write", "/5/0/1", value=uri, ct=TEXT)
        await ends_with(scene, 4)


@case("775", "package damaged: result 5")
async def _(scene: Scene) -> None:
    await watch(scene)
    data = package(scene)
    async with served(data[:-1] + bytes([data[-1] ^ 1])) as uri:
        await scene.code("write", "/5/0/1", value=uri, ct=TEXT)
        await ends_with(scene, 5)


@case("776", "package for another module, or none at all: result 6")
async def _(scene: Scene) -> None:
    await watch(scene)
    for data in (package(scene, module="bc35"), b"nothing"):
        async with served(data) as uri:
            await scene.code("write", "/5/0/1", value=uri, ct=TEXT)
            await ends_with(scene, 6)


@case("777", "invalid URI: result 7")
async def _(scene: Scene) -> None:
    await watch(scene)
    await scene.code("write", "/5/0/1", value="//nowhere", ct=TEXT)
    await ends_with(scene, 7)


@case("778", "update fails: state 2, result 8")
async def _(scene: Scene) -> None:
    await watch(scene)
    data = package(scene, source="R01")
    await scene.code("write", "/5/0/0", hex=data.hex(), ct=OPAQUE)
    await told(scene, 1, 2)
    assert await scene.code("execute", "/5/0/2") == "204"
    await scene.until(r'"END",255')
    await scene.until(r"\+CPIN: READY")
    await scene.register()
    assert await scene.ask("read", "/5/0/3", ct=TEXT) == ("205", 2)
    assert await scene.ask("read", "/5/0/5", ct=TEXT) == ("205", 8)


@case("779", "unsupported protocol: result 9")
async def _(scene: Scene) -> None:
    await watch(scene)
    await scene.code("write", "/5/0/1", value="http://127.0.0.1/fw", ct=TEXT)
    await ends_with(scene, 9)
