"""MQTT under a host that does anything at any time, on a network and against a server that do the same."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest
from ue_bench import Bench, on_bench

from modemsim.ue.mqtt_client import Link

STEPS = 120
SERVER = '"mqtt.ctwing.cn",1883'
QUECTEL = (
    f"AT+QMTOPEN={{i}},{SERVER}",
    f"AT+QMTOPEN={{i}},{SERVER}",
    'AT+QMTOPEN={i},"180.106.148.146",99',
    'AT+QMTOPEN={i},"nobody.invalid",1',
    'AT+QMTCONN={i},"dev{i}","u","p"',
    'AT+QMTCONN={i},"dev{i}","u","p"',
    'AT+QMTCONN={i},"dev{i}"',
    'AT+QMTSUB={i},{n},"{t}",{q}',
    'AT+QMTUNS={i},{n},"{t}"',
    'AT+QMTPUB={i},{n},{q},0,"{t}"',
    'AT+QMTPUB={i},{n},{q},0,"{t}","7B7D"',
    'AT+QMTPUBEX={i},{n},{q},1,"{t}",2',
    "AT+QMTDISC={i}",
    "AT+QMTCLOSE={i}",
    "AT+QMTCONN?",
    "AT+QMTRECV?",
    "AT+QMTRECV={i}",
    'AT+QMTCFG="recv/mode",{i},{b}',
    'AT+QMTCFG="timeout",{i},2,2,1',
    'AT+QMTCFG="dataformat",{i},{b},{b}',
    'AT+QMTCFG="keepalive",{i},5',
    'AT+QMTCFG="session",{i},{b}',
    'AT+QMTCFG="will",{i},1,1,0,"w","1"',
    'AT+QMTCFG="edit/timeout",{i},1,3',
)
SIMCOM = (
    'AT+CMQNEW="mqtt.ctwing.cn","1883",3000,200',
    'AT+CMQNEW="mqtt.ctwing.cn","1883",3000,200',
    'AT+CMQCON=0,4,"c",30,{b},0,"u","p"',
    'AT+CMQCON=0,4,"c",30,{b},0,"u","p"',
    'AT+CMQSUB=0,"{t}",1',
    'AT+CMQPUB=0,"{t}",{b},0,0,2,"5B"',
    'AT+CMQUNSUB=0,"{t}"',
    "AT+CMQDISCON=0",
    "AT+CMQTSYNC={b}",
    "AT+CREVHEX={b}",
)


SENSIBLE = {Link.CLOSED: f"AT+QMTOPEN=0,{SERVER}", Link.OPEN: 'AT+QMTCONN=0,"dev0","u","p"'}


def lines(bench: Bench, profile: str, chance: random.Random) -> Iterator[bytes]:
    """Command lines without end; every other one leads client 0 of a Quectel module on to a connection."""
    table = SIMCOM if profile == "sim7020" else QUECTEL
    while True:
        sensible = SENSIBLE.get(bench.simulation.ue.mqtt.client(0).link)
        if table is QUECTEL and sensible is not None and chance.random() < 0.5:
            yield sensible.encode()
            continue
        line = chance.choice(table).format(
            i=chance.choice((0, 0, 0, 1, 6)),
            n=chance.choice((0, 1, 2, 3, 65535)),
            q=chance.choice((0, 1, 2, 3)),
            t=chance.choice(("t", "a/b", "x/#")),
            b=chance.choice((0, 1)),
        )
        yield line.encode()


async def trouble(bench: Bench, chance: random.Random) -> None:
    """Something that the host has not asked for."""
    simulation = bench.simulation
    platform = simulation.connected["aep-mqtt"]
    match chance.randrange(6):
        case 0:
            simulation.network.patch(loss=chance.choice((0.0, 0.0, 0.3, 1.0)))
        case 1:
            platform.down = chance.choice((True, False, False))
        case 2:
            simulation.faults.begin(chance.choice(("mqtt_cut", "mqtt_nonsense")), {})
        case 3:
            for device in tuple(platform.store):
                platform.downlink(device.endpoint, chance.randbytes(chance.choice((1, 10, 3000))))
        case 4:
            await bench.say(b"AT+CFUN=0\r", 8)
            await bench.say(b"AT+CFUN=1\r", 8)
        case 5:
            await simulation.power("reset")
            await asyncio.sleep(20)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("profile", ["ec800e", "bc260y", "bc28-cnv", "sim7020"])
def test_the_module_answers_and_leaves_nothing_behind(profile: str, seed: int) -> None:
    async def main(bench: Bench) -> None:
        chance = random.Random(f"{profile}/{seed}")
        host = lines(bench, profile, chance)
        await bench.attached()
        for _ in range(STEPS):
            if chance.random() < 0.15:
                await trouble(bench, chance)
                continue
            heard = await bench.say(next(host) + b"\r", chance.choice((0.05, 0.3, 1, 8)))
            if heard.rstrip(b" ").endswith(b">"):
                await bench.say(
                    chance.choice((b"{}\x1a", b"\x1b", b"12", b"7B7D\x1a", chance.randbytes(50))), 1
                )
        bench.simulation.network.patch(loss=0.0)
        bench.simulation.connected["aep-mqtt"].down = False
        await bench.say(b"x\x1a\r", 70)
        assert b"OK" in await bench.say(b"AT\r", 5)
        await asyncio.sleep(1000)
        events = {record.event for record in bench.simulation.trace.recent()}
        assert not events & {"internal", "internal_error"}
        clients = bench.simulation.ue.mqtt
        links = [clients.client(id).link for id in clients.known]
        assert {*links} <= {Link.CLOSED, Link.OPEN, Link.CONNECTED}
        assert len(bench.simulation.ue.bearer.streams) <= len(links)

    on_bench(main, profile=profile, seed=seed)
