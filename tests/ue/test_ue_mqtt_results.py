"""Every result of QMTOPEN, QMTCONN and QMTSTAT from its real cause, or listed with the reason why there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from test_ue_sockets import Peer
from ue_bench import Bench, on_bench

from modemsim.profile import load

FIDELITY = Path(__file__).parents[2] / "docs" / "fidelity.md"
TLS_TESTS = Path(__file__).with_name("test_ue_tls.py")
SERVER = '"mqtt.ctwing.cn",1883'
Case = Callable[[Bench], Awaitable[None]]


async def expect(bench: Bench, line: str, limit: float = 130.0) -> None:
    """The line comes within this time."""
    await bench.port.host_read_until(line.encode() + b"\r\n", limit)


async def opened(bench: Bench, server: str = SERVER) -> None:
    assert await bench.ask(f"AT+QMTOPEN=0,{server}") == ["OK"]
    await expect(bench, "+QMTOPEN: 0,0")


async def connected(bench: Bench) -> None:
    await opened(bench)
    assert await bench.ask('AT+QMTCONN=0,"device-1","user","secret"') == ["OK"]
    await expect(bench, "+QMTCONN: 0,0,0")


async def opening(bench: Bench, server: str, code: int) -> None:
    assert await bench.ask(f"AT+QMTOPEN=0,{server}") == ["OK"]
    await expect(bench, f"+QMTOPEN: 0,{code}")


# ---------------------------------------------------------------- QMTOPEN


async def open_unreachable(bench: Bench) -> None:
    await opening(bench, '"180.106.148.146",99', -1)


async def open_refused(bench: Bench) -> None:
    async with Peer(_nothing) as peer:
        port = peer.port
    await opening(bench, f'"127.0.0.1",{port}', -1)


async def open_good(bench: Bench) -> None:
    await opening(bench, SERVER, 0)


async def open_no_address_or_name(bench: Bench) -> None:
    for host in ("1.2.3.4.5", "a b", "-", "host..name"):
        await opening(bench, f'"{host}",1883', 1)


async def open_twice(bench: Bench) -> None:
    await opened(bench)
    await opening(bench, SERVER, 2)


async def open_other_context(bench: Bench) -> None:
    assert await bench.ask('AT+QMTCFG="pdpcid",0,2') == ["OK"]
    await opening(bench, SERVER, 3)


async def open_radio_off(bench: Bench) -> None:
    await bench.ask("AT+CFUN=0")
    await opening(bench, SERVER, 3)


async def open_unknown_name(bench: Bench) -> None:
    await opening(bench, '"nobody.invalid",1883', 4)


async def open_lost(bench: Bench) -> None:
    assert await bench.ask('AT+QMTOPEN=0,"180.106.148.146",99') == ["OK"]
    await asyncio.sleep(3)
    bench.port.host_write(b"AT+CFUN=4\r")
    await expect(bench, "+QMTOPEN: 0,5", 40)


# ---------------------------------------------------------------- QMTCONN


async def connect_good(bench: Bench) -> None:
    await connected(bench)


def refused(code: int) -> Case:
    """The platform answers CONNECT with this return code."""

    async def case(bench: Bench) -> None:
        bench.simulation.faults.begin("mqtt_refuse", {"code": str(code)})
        await opened(bench)
        assert await bench.ask('AT+QMTCONN=0,"device-1","user","secret"') == ["OK"]
        await expect(bench, f"+QMTCONN: 0,0,{code}")
        assert await bench.ask("AT+QMTCONN?") == ["OK"]

    return case


async def connect_without_identifier(bench: Bench) -> None:
    await opened(bench)
    assert await bench.ask('AT+QMTCONN=0,""') == ["OK"]
    await expect(bench, "+QMTCONN: 0,0,2")


async def connect_with_wrong_secret(bench: Bench) -> None:
    await connected(bench)
    assert await bench.ask("AT+QMTDISC=0") == ["OK"]
    await expect(bench, "+QMTDISC: 0,0")
    await opened(bench)
    assert await bench.ask('AT+QMTCONN=0,"device-1","user","other"') == ["OK"]
    await expect(bench, "+QMTCONN: 0,0,4")


async def connect_unanswered(bench: Bench) -> None:
    bench.simulation.connected["aep-mqtt"].down = True
    await opened(bench)
    assert await bench.ask('AT+QMTCONN=0,"device-1","user","secret"') == ["OK"]
    await expect(bench, "+QMTCONN: 0,2")


async def connect_repeated(bench: Bench) -> None:
    bench.simulation.connected["aep-mqtt"].down = True
    assert await bench.ask('AT+QMTCFG="timeout",0,3,2,1') == ["OK"]
    await opened(bench)
    assert await bench.ask('AT+QMTCONN=0,"device-1","user","secret"') == ["OK"]
    assert await bench.ask("AT+QMTCONN?") == ["+QMTCONN: 0,2", "OK"]
    for line in ("+QMTCONN: 0,1", "+QMTCONN: 0,1", "+QMTCONN: 0,2", "+QMTSTAT: 0,4"):
        await expect(bench, line, 10)


# ---------------------------------------------------------------- QMTSTAT


async def stat_nobody_connects(bench: Bench) -> None:
    await opened(bench)
    await expect(bench, "+QMTSTAT: 0,1")


async def stat_ping(bench: Bench) -> None:
    assert await bench.ask('AT+QMTCFG="keepalive",0,10') == ["OK"]
    await connected(bench)
    bench.simulation.connected["aep-mqtt"].down = True
    await expect(bench, "+QMTSTAT: 0,2")


async def stat_connect_does_not_get_through(bench: Bench) -> None:
    await opened(bench)
    bench.simulation.network.patch(loss=1.0)
    assert await bench.ask('AT+QMTCONN=0,"device-1","user","secret"') == ["OK"]
    await expect(bench, "+QMTCONN: 0,2")
    await expect(bench, "+QMTSTAT: 0,3")


async def stat_connack(bench: Bench) -> None:
    await connect_unanswered(bench)
    await expect(bench, "+QMTSTAT: 0,4")


async def stat_server_closes_first(bench: Bench) -> None:
    await connected(bench)
    assert await bench.ask("AT+QMTDISC=0") == ["OK"]
    await expect(bench, "+QMTDISC: 0,0")
    await expect(bench, "+QMTSTAT: 0,5")
    assert await bench.ask("AT+QMTCONN?") == ["OK"]


async def stat_sending_fails(bench: Bench) -> None:
    assert await bench.ask('AT+QMTCFG="keepalive",0,0') == ["OK"]
    await connected(bench)
    bench.simulation.network.patch(loss=1.0)
    bench.port.host_write(b'AT+QMTPUBEX=0,1,1,0,"t",1\r')
    await bench.port.host_read_until(b"> ", 10)
    bench.port.host_write(b"x")
    await expect(bench, "+QMTSTAT: 0,6", 600)


async def stat_network(bench: Bench) -> None:
    await connected(bench)
    bench.port.host_write(b"AT+CFUN=0\r")
    await expect(bench, "+QMTSTAT: 0,7")


async def stat_nonsense(bench: Bench) -> None:
    await connected(bench)
    bench.simulation.faults.begin("mqtt_nonsense", {})
    await expect(bench, "+QMTSTAT: 0,8")


async def _nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


TABLES: dict[str, dict[int | str, tuple[Case, ...]]] = {
    "QMTOPEN": {
        -1: (open_unreachable, open_refused),
        0: (open_good,),
        1: (open_no_address_or_name,),
        2: (open_twice,),
        3: (open_other_context, open_radio_off),
        4: (open_unknown_name,),
        5: (open_lost,),
    },
    "QMTCONN": {
        "0,0": (connect_good,),
        "0,1": (refused(1),),
        "0,2": (refused(2), connect_without_identifier),
        "0,3": (refused(3),),
        "0,4": (refused(4), connect_with_wrong_secret),
        "0,5": (refused(5),),
        "1": (connect_repeated,),
        "2": (connect_unanswered,),
    },
    "QMTSTAT": {
        1: (stat_nobody_connects,),
        2: (stat_ping,),
        3: (stat_connect_does_not_get_through,),
        4: (stat_connack,),
        5: (stat_server_closes_first,),
        6: (stat_sending_fails,),
        7: (stat_network,),
        8: (stat_nonsense,),
    },
}
"""Table of the manuals -> its codes -> what provokes each; a code without a cause is in docs/fidelity.md."""
ELSEWHERE = {"QMTSTAT": {10: "test_mqtt_whose_records_cannot_be_deciphered_ends_with_status_10"}}
"""Codes that a test of test_ue_tls.py provokes: they need a connection with TLS."""
QUIRKS = {stat_server_closes_first: "server_closes_first", connect_repeated: "connect_repeated"}
"""Cases that need a behaviour which is off where nothing else is said."""
CASES = [
    pytest.param(case, id=f"{table}-{code}-{at}")
    for table, codes in TABLES.items()
    for code, cases in codes.items()
    for at, case in enumerate(cases)
]


@pytest.mark.parametrize("case", CASES)
def test_a_code_comes_from_its_cause(case: Case) -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        await case(bench)

    quirk = QUIRKS.get(case)
    on_bench(main, profile="ec800e", overrides=() if quirk is None else (f"quirks.{quirk}=true",))


def test_a_code_without_a_cause_is_documented() -> None:
    text = FIDELITY.read_text(encoding="utf-8")
    for table, codes in TABLES.items():
        for code, cases in codes.items():
            if not cases:
                assert f"| {table} result {code} |" in text, (table, code)


def test_the_profile_has_every_code_of_the_tables() -> None:
    """No number of the profile is missing in the tables above, which the manuals give."""
    table = load("ec800e").mqtt
    assert set(table.numbers.values()) == set(TABLES["QMTOPEN"])
    assert set(table.status.values()) == {*TABLES["QMTSTAT"], *ELSEWHERE["QMTSTAT"]}
    for name in ELSEWHERE["QMTSTAT"].values():
        assert f"def {name}(" in TLS_TESTS.read_text(encoding="utf-8")
