"""The modules' MQTT clients against Mosquitto: every QoS, wills, kept sessions, long messages, every family."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from modemsim import clock
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation

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
    """The host's end of a module whose MQTT server is the broker."""

    simulation: Simulation

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


@contextlib.asynccontextmanager
async def module(profile: str, broker: int, seed: int = 0) -> AsyncIterator[Host]:
    """A module that is attached; `broker.test` is the broker."""
    routes = (f"broker.test:1883=127.0.0.1:{broker}",)
    simulation, port = Simulation(Options(profile, routes=routes, seed=seed)), MemoryPort()
    await simulation.start(port)
    try:
        while simulation.ue.radio.ip is None:
            await asyncio.sleep(1)
        await port.host_quiet(10)
        host = Host(port)
        host.simulation = simulation
        await host.say("ATE0", "OK")
        yield host
    finally:
        await simulation.stop()


async def connected(host: Host, name: str, space: str = " ") -> None:
    """Open and connect client 0 of a Quectel module."""
    await host.say('AT+QMTCFG="version",0,4', "OK")
    await host.say('AT+QMTOPEN=0,"broker.test",1883', "OK", f"+QMTOPEN:{space}0,0")
    await host.say(f'AT+QMTCONN=0,"{name}"', "OK", f"+QMTCONN:{space}0,0,0")


async def unasked() -> None:
    """Give the broker a moment of real time, in which simulated time stands still, for what nobody asked for."""
    with clock.hold():
        await asyncio.to_thread(time.sleep, 0.3)


def test_a_will_is_delivered_when_the_power_is_cut(broker: int) -> None:
    async def main() -> None:
        async with module("ec800e", broker) as watcher, module("ec800e", broker, 1) as victim:
            await connected(watcher, "watcher")
            await watcher.say('AT+QMTSUB=0,1,"last/#",2', "OK", "+QMTSUB: 0,1,0,2")
            await victim.say('AT+QMTCFG="will",0,1,2,1,"last/words","gone"', "OK")
            await connected(victim, "victim")
            await victim.simulation.power("cut")
            await unasked()
            heard = await watcher.port.host_read_until(b'"last/words","gone"\r\n', 60)
            assert b"+QMTRECV: 0," in heard

    clock.run(main(), virtual=True)


def test_a_kept_session_gets_what_was_published_meanwhile(broker: int) -> None:
    async def main() -> None:
        async with module("ec800e", broker) as keeper, module("bc260y", broker, 1) as other:
            await other.say("AT+QSCLK=0", "OK")
            await keeper.say('AT+QMTCFG="session",0,0', "OK")
            await connected(keeper, "keeper")
            await keeper.say('AT+QMTSUB=0,1,"news",2', "OK", "+QMTSUB: 0,1,0,2")
            await keeper.say("AT+QMTDISC=0", "OK", "+QMTDISC: 0,0")
            await connected(other, "other")
            for number in (1, 2):
                line = f'AT+QMTPUB=0,{number},{number},0,"news","message {number}"'
                await other.say(line, "OK", f"+QMTPUB: 0,{number},0")
            await connected(keeper, "keeper")
            await unasked()
            for number in (1, 2):
                await keeper.port.host_read_until(b'"news","message %d"\r\n' % number, 60)

    clock.run(main(), virtual=True)


def test_ten_thousand_octets_of_any_value_come_back_in_every_quality_of_service(broker: int) -> None:
    async def main() -> None:
        data = random.Random(7).randbytes(10000)
        async with module("ec800e", broker) as host:
            await host.say('AT+QMTCFG="pub/maxlen",0,20480', "OK")
            await connected(host, "large")
            await host.say('AT+QMTSUB=0,1,"large",2', "OK", "+QMTSUB: 0,1,0,2")
            for qos in (0, 1, 2):
                host.port.host_write(f'AT+QMTPUBEX=0,{qos},{qos},0,"large",10000\r'.encode())
                await host.port.host_read_until(b"> ", 10)
                for at in range(0, len(data), 1000):
                    host.port.host_write(data[at : at + 1000])
                    await asyncio.sleep(0.1)
                await host.port.host_read_until(b'"large","' + data + b'"\r\n', 60)

    clock.run(main(), virtual=True)


@pytest.mark.parametrize("profile", ["bc260y", "bc28-cnv"])
def test_the_nb_iot_modules_publish_and_receive(profile: str, broker: int) -> None:
    async def main() -> None:
        space = "" if profile == "bc28-cnv" else " "
        async with module(profile, broker) as host:
            if profile == "bc260y":
                await host.say("AT+QSCLK=0", "OK")
            await connected(host, profile, space)
            await host.say('AT+QMTSUB=0,1,"t",2', "OK", f"+QMTSUB:{space}0,1,0,2")
            for qos in (0, 1, 2):
                host.port.host_write(f'AT+QMTPUB=0,{qos},{qos},0,"t","level {qos}"\r'.encode())
                await host.port.host_read_until(f'"t","level {qos}"\r\n'.encode(), 60)
            await host.say('AT+QMTUNS=0,2,"t"', "OK", f"+QMTUNS:{space}0,2,0")
            await host.say("AT+QMTDISC=0", "OK", f"+QMTDISC:{space}0,0")

    clock.run(main(), virtual=True)


def test_the_sim7020_publishes_and_receives_text_and_hex(broker: int) -> None:
    async def main() -> None:
        async with module("sim7020", broker) as host:
            await host.say('AT+CMQNEW="broker.test","1883",12000,1024', "+CMQNEW: 0", "OK")
            await host.say('AT+CMQCON=0,3,"myclient",600,1,0', "OK")
            await host.say("AT+CMQTSYNC=1", "OK")
            await host.say('AT+CMQSUB=0,"mytopic",1', "OK")
            await host.say('AT+CMQPUB=0,"mytopic",1,0,0,8,"31323334"')
            await host.port.host_read_until(b'+CMQPUB: 0,"mytopic",1,0,0,8,"31323334"\r\n', 60)
            await host.say("AT+CREVHEX=1", "OK")
            await host.say('AT+CMQPUB=0,"mytopic",0,0,0,4,"00FF"')
            await host.port.host_read_until(b'+CMQPUB: 0,"mytopic",0,0,0,4,"00FF"\r\n', 60)
            await host.say('AT+CMQUNSUB=0,"mytopic"', "OK")
            await host.say("AT+CMQDISCON=0", "OK")

    clock.run(main(), virtual=True)
