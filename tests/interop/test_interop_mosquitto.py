"""The modules' MQTT clients against Mosquitto: every QoS, wills, kept sessions, long messages, every family."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from socket import SOCK_STREAM

import pytest
from interop_peers import MOSQUITTO, Host, module, peer
from leshan_server import free_port

from modemsim import clock

NAME = "broker.test:1883"
pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")  # a peer from Debian


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[int]:
    port, settings = free_port(SOCK_STREAM), tmp_path / "mosquitto.conf"
    settings.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with peer([str(MOSQUITTO), "-c", str(settings)], port):
        yield port


def with_module(
    work: Callable[[Host], Awaitable[None]], profile: str, broker: int, where: str = NAME
) -> None:
    async def main() -> None:
        async with module(profile, where, broker) as host:
            await work(host)

    clock.run(main(), virtual=True)


async def connected(host: Host, name: str, space: str = " ") -> None:
    """Open and connect client 0 of a Quectel module."""
    await host.say('AT+QMTCFG="version",0,4', "OK")
    await host.say('AT+QMTOPEN=0,"broker.test",1883', "OK", f"+QMTOPEN:{space}0,0")
    await host.say(f'AT+QMTCONN=0,"{name}"', "OK", f"+QMTCONN:{space}0,0,0")


def test_the_dialogue_of_the_guide_and_every_quality_of_service(broker: int) -> None:
    async def work(host: Host) -> None:
        await host.say('AT+QMTCFG="version",0,4', "OK")
        await host.say('AT+QMTCFG="session",0,0', "OK")
        await host.say('AT+QMTCFG="keepalive",0,10', "OK")
        await host.say('AT+QMTOPEN=0,"2000033383.non-nb.ctwing.cn",1883', "OK", "+QMTOPEN: 0,0")
        await host.say('AT+QMTCONN=0,"16891291868543060025186","device001","key"', "OK", "+QMTCONN: 0,0,0")
        await host.say('AT+QMTSUB=0,1,"topic/event",0,"topic/data",2', "OK", "+QMTSUB: 0,1,0,0,2")
        for qos, message_id in ((0, 0), (1, 5), (2, 6)):
            payload = b'{"temp":22.5,"humi":78}'
            await host.say(f'AT+QMTPUBEX=0,{message_id},{qos},0,"topic/data",23', "> ")
            host.write(payload)
            heard = await host.hear_all(f"+QMTPUBEX: 0,{message_id},0".encode(), b"+QMTRECV: 0,")
            assert b'"topic/data","' + payload + b'"' in heard
        await asyncio.sleep(100)  # the keep-alive holds the connection
        await host.say("AT+QMTCONN?", "+QMTCONN: 0,3")
        await host.say('AT+QMTUNS=0,7,"topic/data"', "OK", "+QMTUNS: 0,7,0")
        await host.say("AT+QMTCLOSE=0", "OK")

    with_module(work, "ec800e", broker, "2000033383.non-nb.ctwing.cn:1883")


def test_a_will_is_delivered_when_the_power_is_cut(broker: int) -> None:
    async def main() -> None:
        async with module("ec800e", NAME, broker) as watcher, module("ec800e", NAME, broker, 1) as victim:
            await connected(watcher, "watcher")
            await watcher.say('AT+QMTSUB=0,1,"last/#",2', "OK", "+QMTSUB: 0,1,0,2")
            await victim.say('AT+QMTCFG="will",0,1,2,1,"last/words","gone"', "OK")
            await connected(victim, "victim")
            await victim.simulation.power("cut")
            assert b"+QMTRECV: 0," in await watcher.hear('"last/words","gone"\r\n')

    clock.run(main(), virtual=True)


def test_a_kept_session_gets_what_was_published_meanwhile(broker: int) -> None:
    async def main() -> None:
        async with module("ec800e", NAME, broker) as keeper, module("bc260y", NAME, broker, 1) as other:
            await keeper.say('AT+QMTCFG="session",0,0', "OK")
            await connected(keeper, "keeper")
            await keeper.say('AT+QMTSUB=0,1,"news",2', "OK", "+QMTSUB: 0,1,0,2")
            await keeper.say("AT+QMTDISC=0", "OK", "+QMTDISC: 0,0")
            await connected(other, "other")
            for number in (1, 2):
                line = f'AT+QMTPUB=0,{number},{number},0,"news","message {number}"'
                await other.say(line, "OK", f"+QMTPUB: 0,{number},0")
            await connected(keeper, "keeper")
            for number in (1, 2):
                await keeper.hear(f'"news","message {number}"\r\n')

    clock.run(main(), virtual=True)


def test_ten_thousand_octets_of_any_value_come_back_in_every_quality_of_service(broker: int) -> None:
    data = random.Random(7).randbytes(10000)

    async def work(host: Host) -> None:
        await host.say('AT+QMTCFG="pub/maxlen",0,20480', "OK")
        await connected(host, "large")
        await host.say('AT+QMTSUB=0,1,"large",2', "OK", "+QMTSUB: 0,1,0,2")
        for qos in (0, 1, 2):
            await host.say(f'AT+QMTPUBEX=0,{qos},{qos},0,"large",10000', "> ")
            for at in range(0, len(data), 1000):
                host.write(data[at : at + 1000])
                await asyncio.sleep(0.1)
            await host.hear(b'"large","' + data + b'"\r\n')

    with_module(work, "ec800e", broker)


@pytest.mark.parametrize("profile", ["bc260y", "bc28-cnv"])
def test_the_nb_iot_modules_publish_and_receive(profile: str, broker: int) -> None:
    space = "" if profile == "bc28-cnv" else " "

    async def work(host: Host) -> None:
        await connected(host, profile, space)
        await host.say('AT+QMTSUB=0,1,"t",2', "OK", f"+QMTSUB:{space}0,1,0,2")
        for qos in (0, 1, 2):
            await host.say(f'AT+QMTPUB=0,{qos},{qos},0,"t","level {qos}"', f'"t","level {qos}"\r\n')
        await host.say('AT+QMTUNS=0,2,"t"', "OK", f"+QMTUNS:{space}0,2,0")
        await host.say("AT+QMTDISC=0", "OK", f"+QMTDISC:{space}0,0")

    with_module(work, profile, broker)


def test_the_sim7020_publishes_and_receives_text_and_hex(broker: int) -> None:
    async def work(host: Host) -> None:
        await host.say('AT+CMQNEW="broker.test","1883",12000,1024', "+CMQNEW: 0", "OK")
        await host.say('AT+CMQCON=0,3,"myclient",600,1,0', "OK")
        await host.say("AT+CMQTSYNC=1", "OK")
        await host.say('AT+CMQSUB=0,"mytopic",1', "OK")
        await host.say(
            'AT+CMQPUB=0,"mytopic",1,0,0,8,"31323334"', '+CMQPUB: 0,"mytopic",1,0,0,8,"31323334"\r\n'
        )
        await host.say('AT+CMQPUB=0,"mytopic",0,0,0,4,"00FF"', '+CMQPUB: 0,"mytopic",0,0,0,4,"00FF"\r\n')
        await host.say("AT+CREVHEX=0", "OK")
        await host.say('AT+CMQPUB=0,"mytopic",0,0,0,4,"text"', '+CMQPUB: 0,"mytopic",0,0,0,4,"text"\r\n')
        await host.say('AT+CMQUNSUB=0,"mytopic"', "OK")
        await host.say("AT+CMQDISCON=0", "OK")

    with_module(work, "sim7020", broker)
