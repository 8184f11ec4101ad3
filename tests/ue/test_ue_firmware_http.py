"""AT+QFOTADL of the EC800E against an HTTP server of the test: every code of HTTPEND and END that has a cause."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from modemsim import clock
from modemsim.options import Options
from modemsim.platforms.authority import Authority
from modemsim.port.memory_port import MemoryPort
from modemsim.profile import load
from modemsim.simulation import Simulation
from modemsim.ue import firmware_image

REVISION = load("ec800e").identity.revision
TARGET = f"{REVISION}X"


def package(module: str = "ec800e", source: str = REVISION) -> bytes:
    return firmware_image.build(module, source, TARGET, 20_000)


def answer(body: bytes, status: str = "200 OK", length: int | None = None) -> bytes:
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode()
        + body
    )


def on_module(
    served: bytes | None,
    test: Callable[[MemoryPort, Simulation, bytearray, int], Awaitable[None]],
    context: ssl.SSLContext | None = None,
) -> list[str]:
    """Run with a server that answers every request so and closes, or only listens; the +QIND lines, in order."""
    heard = bytearray()

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
            if served is None:
                await asyncio.sleep(1000)
            else:
                writer.write(served)
                await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
        port, simulation = MemoryPort(), Simulation(Options("ec800e"))
        port.heard = heard.extend
        await simulation.start(port)
        await asyncio.sleep(30)
        heard.clear()
        await test(port, simulation, heard, server.sockets[0].getsockname()[1])
        await simulation.stop()
        server.close()
        await server.wait_closed()

    clock.run(main(), virtual=True)
    lines = [line.decode() for line in bytes(heard).split(b"\r\n")]
    return [line.removeprefix('+QIND: "FOTA",') for line in lines if line.startswith('+QIND: "FOTA"')]


def updated(
    served: bytes | None,
    path: str = "http://127.0.0.1:{port}/p.bin?v=1",
    *,
    every: str = "",
    context: ssl.SSLContext | None = None,
) -> list[str]:
    async def test(port: MemoryPort, simulation: Simulation, heard: bytearray, number: int) -> None:
        url = path.format(port=number)
        port.host_write(f'AT+QFOTADL="{url}",1{every}\r'.encode())
        await asyncio.sleep(600)
        assert b"\r\nOK\r\n" in heard
        assert simulation.ue.identity.revision == (REVISION if served != answer(package()) else TARGET)

    return on_module(served, test, context)


def test_a_package_is_fetched_and_installed() -> None:
    lines = updated(answer(package()), every=",20")
    assert lines[0] == '"HTTPSTART"'
    assert lines[1:6] == [f'"DOWNLOADING",{percent}' for percent in (20, 40, 60, 80, 100)]
    assert lines[6:8] == ['"HTTPEND",0', '"START"']
    assert lines[8:-1] == [f'"UPDATING",{percent}' for percent in range(5, 101, 5)]
    assert lines[-1] == '"END",0'


@pytest.mark.parametrize(
    ("served", "code"),
    [
        (answer(b"gone", "404 Not Found"), 701),
        (answer(b""), 701),
        (b"HTTP/1.1 200 OK\r\n\r\nno length", 701),
        (answer(package()[:9000], length=20_000), 719),
        (b"", 719),
        (None, 728),
        (answer(b"x", length=2_000_000), 701),
    ],
)
def test_a_download_that_fails(served: bytes | None, code: int) -> None:
    assert updated(served) == ['"HTTPSTART"', f'"HTTPEND",{code}']


def test_a_server_that_cannot_be_reached() -> None:
    assert updated(answer(b""), "http://127.0.0.1:1/p") == ['"HTTPSTART"', '"HTTPEND",716']
    assert updated(answer(b""), "http://nowhere.invalid/p") == ['"HTTPSTART"', '"HTTPEND",714']


def test_a_package_over_https() -> None:
    context = Authority(lambda: datetime(2026, 1, 1, tzinfo=UTC), ("127.0.0.1",)).context
    lines = updated(answer(package()), "https://127.0.0.1:{port}/p", context=context)
    assert lines[:3] == ['"HTTPSSTART"', '"HTTPEND",0', '"START"']
    assert lines[-1] == '"END",0'


def test_https_at_a_server_that_speaks_none() -> None:
    assert updated(answer(b""), "https://127.0.0.1:{port}/p") == ['"HTTPSSTART"', '"HTTPEND",716']


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (package()[:-1] + b"\0\1", 505),
        (b"no package at all", 505),
        (package(module="bc35"), 552),
        (package(source="R00"), 507),
    ],
)
def test_an_update_that_fails(data: bytes, code: int) -> None:
    assert updated(answer(data))[-1] == f'"END",{code}'


def test_the_host_may_choose_the_restart() -> None:
    async def test(port: MemoryPort, simulation: Simulation, heard: bytearray, number: int) -> None:
        port.host_write(f'AT+QFOTADL="http://127.0.0.1:{number}/p"\r'.encode())
        await asyncio.sleep(200)
        assert b"HTTPEND" in heard
        assert simulation.ue.identity.revision == REVISION
        await simulation.power("reset")
        await asyncio.sleep(300)
        assert simulation.ue.identity.revision == TARGET

    assert on_module(answer(package()), test)[-1] == '"END",0'


def test_what_is_refused_at_once() -> None:
    async def test(port: MemoryPort, simulation: Simulation, heard: bytearray, number: int) -> None:
        for url in ("ftp://h/p", "http://", "http://h:x/p", "http://h:0/p"):
            heard.clear()
            port.host_write(f'AT+QFOTADL="{url}",1\r'.encode())
            await asyncio.sleep(2)
            assert b"ERROR" in heard, url
        port.host_write(f'AT+QFOTADL="http://127.0.0.1:{number}/p",1\r'.encode())
        await asyncio.sleep(2)
        heard.clear()
        port.host_write(f'AT+QFOTADL="http://127.0.0.1:{number}/p",1\r'.encode())
        await asyncio.sleep(2)
        assert b"ERROR" in heard

    on_module(None, test)
