"""Sockets and MQTT through AT commands beside the same traffic without a module, both against one server."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable

from modemsim import clock, mqtt
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

FAST = (
    "serial.pacing=false",
    "dialect.urc_gap=0s",
    "timing.command=0s",
    "timing.latency_ce0=0s",
    "timing.inactivity=1h",
)
PIECE = 1024
PAYLOAD = b'{"temp":22.5,"humi":78}'
Work = Callable[[Simulation, MemoryPort, int], Awaitable[tuple[float, float]]]


def measure_udp(rounds: int) -> tuple[float, float]:
    """UDP round trips a second: through AT commands, and by a bare socket."""
    return clock.run(_measured(_udp, rounds))


def measure_tcp(pieces: int) -> tuple[float, float]:
    """Megabytes a second sent and echoed over TCP: through AT commands, and by a bare socket."""
    return clock.run(_measured(_tcp, pieces))


def measure_tls(pieces: int) -> tuple[float, float]:
    """Megabytes a second sent and echoed over TLS: through AT commands, and by bare `ssl`."""
    return clock.run(_measured(_tls, pieces))


def measure_mqtt(messages: int) -> tuple[float, float]:
    """Acknowledged MQTT messages a second: through AT commands, and by the bare codec."""
    return clock.run(_measured(_mqtt, messages))


async def _measured(work: Work, count: int) -> tuple[float, float]:
    simulation, port = Simulation(Options("ec800e", overrides=FAST)), MemoryPort()
    await simulation.start(port)
    try:
        while simulation.ue.radio.ip is None:
            await asyncio.sleep(0.1)
        await port.host_quiet(6.0)
        await _say(port, b"ATE0\r", b"OK\r\n")
        return await work(simulation, port, count)
    finally:
        await simulation.stop()


async def _say(port: MemoryPort, data: bytes, until: bytes) -> None:
    port.host_write(data)
    await port.host_read_until(until, 10)


async def _udp(simulation: Simulation, port: MemoryPort, rounds: int) -> tuple[float, float]:
    await _say(port, b'AT+QIOPEN=1,0,"UDP","192.0.2.7",7,0,1\r', b"+QIOPEN: 0,0\r\n")
    started = time.perf_counter()
    for _ in range(rounds):
        await _say(port, b'AT+QISEND=0,4,"ping"\r', b'"recv",0,4,\r\nping\r\n')
    ours = rounds / (time.perf_counter() - started)
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bare:
        bare.setblocking(False)
        bare.connect(simulation.world.services["echo"].address)
        started = time.perf_counter()
        for _ in range(rounds):
            await loop.sock_sendall(bare, b"ping")
            await loop.sock_recv(bare, 100)
    return ours, rounds / (time.perf_counter() - started)


async def _tcp(simulation: Simulation, port: MemoryPort, pieces: int) -> tuple[float, float]:
    await _say(port, b'AT+QIOPEN=1,0,"TCP","192.0.2.7",7,0,1\r', b"+QIOPEN: 0,0\r\n")
    ours = await _echoed(port, pieces, b"AT+QISEND", b",")
    return ours, await _bare(simulation.world.services["echo"].address, pieces)


async def _tls(simulation: Simulation, port: MemoryPort, pieces: int) -> tuple[float, float]:
    await _say(port, b'AT+QSSLOPEN=1,1,0,"192.0.2.7",443,1\r', b"+QSSLOPEN: 0,0\r\n")
    ours = await _echoed(port, pieces, b"AT+QSSLSEND", b"")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return ours, await _bare(simulation.world.services["echo/tls"].address, pieces, context)


async def _echoed(port: MemoryPort, pieces: int, command: bytes, behind: bytes) -> float:
    """Megabytes a second through AT commands."""
    data = bytes(PIECE)
    started = time.perf_counter()
    for _ in range(pieces):
        await _say(port, b"%b=0,%d\r" % (command, PIECE), b"> ")
        await _say(port, data, b'"recv",0,%d%b\r\n' % (PIECE, behind) + data + b"\r\n")
    return pieces * PIECE / (time.perf_counter() - started) / 1e6


async def _bare(address: tuple[str, int], pieces: int, context: ssl.SSLContext | None = None) -> float:
    """Megabytes a second without a module."""
    data = bytes(PIECE)
    reader, writer = await asyncio.open_connection(*address, ssl=context)
    started = time.perf_counter()
    for _ in range(pieces):
        writer.write(data)
        await reader.readexactly(PIECE)
    bare = pieces * PIECE / (time.perf_counter() - started)
    writer.close()
    return bare / 1e6


async def _mqtt(simulation: Simulation, port: MemoryPort, messages: int) -> tuple[float, float]:
    await _say(port, b'AT+QMTCFG="version",0,4\r', b"OK\r\n")
    await _say(port, b'AT+QMTOPEN=0,"mqtt.ctwing.cn",1883\r', b"+QMTOPEN: 0,0\r\n")
    await _say(port, b'AT+QMTCONN=0,"bench","","key"\r', b"+QMTCONN: 0,0,0\r\n")
    started = time.perf_counter()
    for number in range(1, messages + 1):
        await _say(port, b'AT+QMTPUBEX=0,%d,1,0,"up",%d\r' % (number, len(PAYLOAD)), b"> ")
        await _say(port, PAYLOAD, b"+QMTPUBEX: 0,%d,0\r\n" % number)
    ours = messages / (time.perf_counter() - started)
    reader, writer = await asyncio.open_connection(*simulation.world.connected["aep-mqtt"].address)
    decoder = mqtt.Decoder()
    for packet in _packets(messages):
        writer.write(mqtt.encode(packet))
        if isinstance(packet, mqtt.Connect):
            started = time.perf_counter()
        while not decoder.feed(await reader.read(1000)):
            pass
    bare = messages / (time.perf_counter() - started)
    writer.close()
    return ours, bare


def _packets(messages: int) -> list[mqtt.Packet]:
    publishes = [mqtt.Publish("up", PAYLOAD, 1, packet_id=number) for number in range(1, messages + 1)]
    return [mqtt.Connect("bare", password=b"key"), *publishes]
