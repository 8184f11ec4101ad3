"""An EC800E with sockets on a bench: modules without echo, peers over UDP, listeners."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from ue_bench import FAST, Bench, on_bench

Work = Callable[[Bench], Awaitable[None]]


def on_module(work: Work, *overrides: str) -> None:
    """A registered EC800E without echo."""

    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        await work(bench)

    on_bench(main, profile="ec800e", overrides=(*FAST, *overrides))


async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that says nothing by itself and stays until the module ends."""
    await reader.read()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with a reset in place of an end."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def open_tcp(bench: Bench, port: int, id: int = 0, access: int = 1) -> None:
    assert await bench.ask(f'AT+QIOPEN=1,{id},"TCP","127.0.0.1",{port},0,{access}') == ["OK"]
    await bench.port.host_read_until(b"+QIOPEN: %d,0\r\n" % id, 60)


async def told(bench: Bench, line: bytes, limit: float = 30.0) -> bytes:
    """Everything up to a line of the module."""
    return await bench.port.host_read_until(line + b"\r\n", limit)


class Datagrams(asyncio.DatagramProtocol):
    """A UDP peer that keeps what it gets, with the instants."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.at: list[float] = []
        self.transport: Any = None
        self.source: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.got.append(data)
        self.at.append(asyncio.get_running_loop().time())
        self.source = addr


@contextlib.asynccontextmanager
async def udp_peer() -> AsyncIterator[tuple[Datagrams, int]]:
    loop = asyncio.get_running_loop()
    transport, peer = await loop.create_datagram_endpoint(Datagrams, ("127.0.0.1", 0))
    try:
        yield peer, transport.get_extra_info("sockname")[1]
    finally:
        transport.close()


async def listening(bench: Bench) -> int:
    """A listener with number 5; the machine's port it has."""
    assert await bench.ask('AT+QIOPEN=1,5,"TCP LISTENER","127.0.0.1",0,0,1') == ["OK"]
    await told(bench, b"+QIOPEN: 5,0")
    listener = bench.simulation.ue.sockets.get(5)
    assert listener is not None
    assert listener.listener is not None
    return listener.listener.local_port


async def farewell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A peer that says something and closes."""
    await reader.read(1)
    writer.write(b"bye")
    writer.close()
