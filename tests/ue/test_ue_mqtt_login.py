"""How an MQTT client of the module introduces itself: its configuration, and the rules of clouds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from test_ue_mqtt import Server, silent
from test_ue_sockets import Peer
from ue_bench import Bench, on_bench

from modemsim import mqtt
from modemsim.mqtt import credentials


def accepting(
    got: list[mqtt.Packet | None],
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that admits whoever comes, and keeps what it was told first."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server(reader, writer)
        got.append(await server.next())
        server.send(mqtt.ConnAck(0))
        await silent(server)

    return accept


def introduced(
    *config: str, conn: str = 'AT+QMTCONN=0,"client"', profile: str = "ec800e", then: str = "+QMTCONN: 0,0,0"
) -> mqtt.Connect:
    """The CONNECT of a module with this configuration."""
    got: list[mqtt.Packet | None] = []

    async def main(bench: Bench) -> None:
        async with Peer(accepting(got)) as peer:
            await bench.attached()
            await bench.port.host_quiet(10)
            for line in ("ATE0", *config):
                assert (await bench.ask(line))[-1] == "OK"
            await bench.ask(f'AT+QMTOPEN=0,"127.0.0.1",{peer.port}')
            await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
            await bench.ask(conn)
            await bench.port.host_read_until(then.encode(), 60)

    on_bench(main, profile=profile)
    assert isinstance(got[0], mqtt.Connect)
    return got[0]


def test_the_configuration_is_in_the_connect() -> None:
    connect = introduced(
        'AT+QMTCFG="keepalive",0,77',
        'AT+QMTCFG="session",0,0',
        'AT+QMTCFG="will",0,1,2,1,"last","words"',
        conn='AT+QMTCONN=0,"client","user","secret"',
    )
    will = mqtt.Will("last", b"words", 2, True)
    assert connect == mqtt.Connect("client", "user", b"secret", 77, False, 3, will)


@pytest.mark.parametrize("profile", ["ec800e", "bc260y"])
def test_alibaba_is_logged_in_to_with_a_signature(profile: str) -> None:
    connect = introduced('AT+QMTCFG="aliauth",0,"a1pk","dev","s3cret"', profile=profile)
    login = credentials.alibaba("a1pk", "dev", "s3cret", "client")
    assert (connect.client_id, connect.user) == (login.client_id, login.user)
    assert connect.password == login.password.encode()


def test_a_given_user_goes_before_the_configured_cloud() -> None:
    connect = introduced(
        'AT+QMTCFG="aliauth",0,"a1pk","dev","s3cret"', conn='AT+QMTCONN=0,"client","user","secret"'
    )
    assert (connect.client_id, connect.user, connect.password) == ("client", "user", b"secret")


def test_onenet_is_logged_in_to_with_a_token() -> None:
    connect = introduced('AT+QMTCFG="onenet",0,"469948","c2VjcmV0"', conn='AT+QMTCONN=0,"Chic_D"')
    assert (connect.client_id, connect.user) == ("Chic_D", "469948")
    assert (connect.password or b"").startswith(
        b"version=2018-10-31&res=products%2F469948%2Fdevices%2FChic_D&et="
    )


def test_the_sim7020_logs_in_to_alibaba() -> None:
    got: list[mqtt.Packet | None] = []

    async def main(bench: Bench) -> None:
        async with Peer(accepting(got)) as peer:
            await bench.attached()
            await bench.ask("ATE0")
            assert (await bench.ask(f'AT+CMQNEW="127.0.0.1","{peer.port}",12000,1024', 80))[-1] == "OK"
            assert await bench.ask("AT+CMQALICON=0,600,1") == ["ERROR"]
            assert await bench.ask('AT+CMQALICFG=0,"a1pk","dev","s3cret"') == ["OK"]
            assert await bench.ask("AT+CMQALICON=0,600,1") == ["OK"]

    on_bench(main, profile="sim7020")
    login = credentials.alibaba("a1pk", "dev", "s3cret", "dev")
    assert got == [mqtt.Connect(login.client_id, login.user, login.password.encode(), 600, True, 4)]
