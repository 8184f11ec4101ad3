"""The SIM800-style TCP/IP task on a bench: states told, connections opened, data sent."""

from __future__ import annotations

import asyncio
from functools import partial

from test_ue_sockets import bench_with
from ue_bench import Bench

EVERYTHING = bytes(range(256))
LIKE_LINES = b"+ICF: 3,3\r\nERROR\r\n\r\nOK\r\n+IFC: 0,0"
"""Data that looks like answers, with names whose spacing this module spells differently."""


on_module = partial(bench_with, profile="sim7020")


async def state(bench: Bench) -> str:
    await bench.ask("AT+CIPSTATUS")
    text = await bench.port.host_quiet(0.2)
    return text.decode("latin-1").split("STATE: ")[1].split("\r\n")[0]


async def opened(bench: Bench, port: int, kind: str = "TCP", result: bytes = b"\r\nCONNECT OK\r\n") -> None:
    """The one connection, to a peer of this machine."""
    await bench.attached()
    await bench.ask("ATE0")
    assert await bench.ask(f'AT+CIPSTART="{kind}","127.0.0.1",{port}') == ["OK"]
    await bench.port.host_read_until(result, 80)


async def send(bench: Bench, data: bytes, limit: float = 700) -> bytes:
    """Send counted data; the line that tells the outcome."""
    bench.port.host_write(b"AT+CIPSEND=%d\r" % len(data))
    await bench.port.host_read_until(b"> ", 10)
    bench.port.host_write(data)
    await bench.port.host_read_until(b"\r\n", limit)
    return (await bench.port.host_read_until(b"\r\n", limit)).strip()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(100_000)
