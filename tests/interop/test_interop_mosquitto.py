"""The module's MQTT client against Mosquitto: the dialogue of the EC800E guide, and messages in every QoS."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modemsim import clock
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Options, Simulation

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with subprocess.Popen([str(MOSQUITTO), "-c", str(settings)], stderr=subprocess.DEVNULL) as process:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        yield port
        process.terminate()


class Host:
    """The host's end of an EC800E whose MQTT server is the broker."""

    def __init__(self, port: MemoryPort) -> None:
        self.port = port

    async def say(self, line: str, *expected: str) -> None:
        self.port.host_write(line.encode() + b"\r")
        for text in expected:
            await self.port.host_read_until(text.encode(), 60)

    async def publish(self, line: str, payload: bytes, *expected: str) -> None:
        self.port.host_write(line.encode() + b"\r")
        await self.port.host_read_until(b"> ", 10)
        self.port.host_write(payload)
        for text in expected:
            await self.port.host_read_until(text.encode(), 60)


def test_the_dialogue_of_the_guide_and_every_quality_of_service(broker: int) -> None:
    async def main() -> None:
        route = f"2000033383.non-nb.ctwing.cn:1883=127.0.0.1:{broker}"
        simulation, port = Simulation(Options("ec800e", routes=(route,))), MemoryPort()
        await simulation.start(port)
        try:
            while simulation.ue.radio.ip is None:
                await asyncio.sleep(1)
            await port.host_quiet(10)
            await talk(Host(port))
        finally:
            await simulation.stop()

    async def talk(host: Host) -> None:
        await host.say('AT+QMTCFG="version",0,4', "OK")
        await host.say('AT+QMTCFG="session",0,0', "OK")
        await host.say('AT+QMTCFG="keepalive",0,10', "OK")
        await host.say('AT+QMTOPEN=0,"2000033383.non-nb.ctwing.cn",1883', "OK", "+QMTOPEN: 0,0")
        await host.say('AT+QMTCONN=0,"16891291868543060025186","device001","key"', "OK", "+QMTCONN: 0,0,0")
        await host.say('AT+QMTSUB=0,1,"topic/event",0,"topic/data",2', "OK", "+QMTSUB: 0,1,0,0,2")
        for qos, message_id in ((0, 0), (1, 5), (2, 6)):
            line = f'AT+QMTPUBEX=0,{message_id},{qos},0,"topic/data",23'
            payload = b'{"temp":22.5,"humi":78}'
            host.port.host_write(line.encode() + b"\r")
            await host.port.host_read_until(b"> ", 10)
            host.port.host_write(payload)
            heard = b""
            while f"+QMTPUBEX: 0,{message_id},0".encode() not in heard or b"+QMTRECV: 0," not in heard:
                heard += await host.port.host_read_until(b"\r\n", 60)
            assert b'"topic/data","' + payload + b'"' in heard
        await asyncio.sleep(100)  # the keep-alive holds the connection
        await host.say("AT+QMTCONN?", "+QMTCONN: 0,3")
        await host.say('AT+QMTUNS=0,7,"topic/data"', "OK", "+QMTUNS: 0,7,0")
        await host.say("AT+QMTCLOSE=0", "OK")

    clock.run(main(), virtual=True)
