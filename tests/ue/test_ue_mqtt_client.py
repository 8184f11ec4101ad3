"""What an MQTT client of the module does when it is told more than the guide shows: limits, QoS, ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from test_ue_mqtt import Server, connected, silent
from test_ue_sockets import Peer
from ue_bench import FAST, Bench, on_bench

from modemsim import mqtt
from modemsim.mqtt import Kind

# ---------------------------------------------------------------- both ways


def test_messages_of_a_kept_session_follow_the_outcome_of_connecting() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server(reader, writer)
        await server.next()
        kept = mqtt.Publish("t", b"kept", 1, packet_id=4)
        writer.write(mqtt.encode(mqtt.ConnAck(0, True)) + mqtt.encode(kept))
        assert await server.next() == mqtt.Ack(Kind.PUBACK, 4)
        await silent(server)

    async def main(bench: Bench) -> None:
        async with Peer(accept) as peer:
            await bench.attached()
            await bench.port.host_quiet(10)
            await bench.ask(f'AT+QMTOPEN=0,"127.0.0.1",{peer.port}')
            await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
            await bench.ask('AT+QMTCONN=0,"id"')
            heard = await bench.port.host_read_until(b'"t","kept"\r\n', 60)
            assert heard.index(b"+QMTCONN: 0,0,0") < heard.index(b"+QMTRECV: 0,4")

    on_bench(main, profile="ec800e")


def test_a_release_that_nobody_answers_is_repeated_not_the_message() -> None:
    got: list[mqtt.Packet | None] = []

    async def half(server: Server) -> None:
        got.append(await server.next())
        server.send(mqtt.Ack(Kind.PUBREC, 7))
        for _ in range(3):
            got.append(await server.next())
        server.send(mqtt.Ack(Kind.PUBCOMP, 7))
        await silent(server)

    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QMTPUB=0,7,2,0,"t"\r')
        await bench.port.host_read_until(b"> ", 10)
        bench.port.host_write(b"hi\x1a")
        for line in (b"+QMTPUB: 0,7,1,1\r\n", b"+QMTPUB: 0,7,1,2\r\n", b"+QMTPUB: 0,7,0\r\n"):
            await bench.port.host_read_until(line, 10)

    connected(half, work, 'AT+QMTCFG="timeout",0,2,3,1')
    release = mqtt.Ack(Kind.PUBREL, 7)
    assert got == [mqtt.Publish("t", b"hi", 2, packet_id=7), release, release, release]


def test_subscribing_is_repeated_with_notice_and_an_answer_still_counts() -> None:
    async def late(server: Server) -> None:
        await server.next()
        await server.next()
        server.send(mqtt.SubAck(3, (1, 128)))
        await silent(server)

    async def work(bench: Bench) -> None:
        assert await bench.ask('AT+QMTSUB=0,3,"a",2,"b",0') == ["OK"]
        await bench.port.host_read_until(b"+QMTSUB: 0,3,1,1\r\n", 10)
        await bench.port.host_read_until(b"+QMTSUB: 0,3,0,1,128\r\n", 10)

    connected(late, work, 'AT+QMTCFG="timeout",0,2,3,1')


def test_a_message_has_a_number_of_its_own_while_it_is_under_way() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QMTPUBEX=0,3,1,0,"t",1\r')
        await bench.port.host_read_until(b"> ", 10)
        bench.port.host_write(b"x")
        await bench.port.host_read_until(b"OK\r\n", 10)
        assert await bench.ask('AT+QMTPUBEX=0,3,1,0,"t",1') == ["ERROR"]
        assert await bench.ask('AT+QMTSUB=0,3,"b",1') == ["OK"]
        await bench.port.host_read_until(b"+QMTPUBEX: 0,3,2\r\n", 60)
        bench.port.host_write(b'AT+QMTPUBEX=0,3,1,0,"t",1\r')
        await bench.port.host_read_until(b"> ", 10)

    connected(silent, work)


def test_answers_to_subscriptions_of_one_number_count_in_their_order() -> None:
    async def two(server: Server) -> None:
        await server.next()
        await server.next()
        server.send(mqtt.SubAck(1, (0,)))
        server.send(mqtt.SubAck(1, (2,)))
        await silent(server)

    async def work(bench: Bench) -> None:
        assert await bench.ask('AT+QMTSUB=0,1,"a",0') == ["OK"]
        assert await bench.ask('AT+QMTSUB=0,1,"b",2') == ["OK"]
        await bench.port.host_read_until(b"+QMTSUB: 0,1,0,0\r\n", 10)
        await bench.port.host_read_until(b"+QMTSUB: 0,1,0,2\r\n", 10)
        assert b"+QMTSUB" not in await bench.port.host_quiet(60)

    connected(two, work)


def test_opening_activates_the_context() -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await bench.ask("AT+QIDEACT=1", 60) == ["OK"]
        assert await bench.ask("AT+QIACT?") == ["OK"]
        assert await bench.ask('AT+QMTOPEN=0,"mqtt.ctwing.cn",1883') == ["OK"]
        await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
        assert (await bench.ask("AT+QIACT?"))[0].startswith("+QIACT: 1,1,1,")
        bench.port.host_write(b"AT+QIDEACT=1\r")
        await bench.port.host_read_until(b"+QMTSTAT: 0,7\r\n", 60)

    on_bench(main, profile="ec800e")


def test_a_repeated_message_of_quality_one_is_handed_over_again() -> None:
    async def twice(server: Server) -> None:
        server.send(mqtt.Publish("t", b"again", 1, packet_id=9))
        assert await server.next() == mqtt.Ack(Kind.PUBACK, 9)
        server.send(mqtt.Publish("t", b"again", 1, dup=True, packet_id=9))
        assert await server.next() == mqtt.Ack(Kind.PUBACK, 9)
        await silent(server)

    async def work(bench: Bench) -> None:
        for _ in range(2):
            await bench.port.host_read_until(b'+QMTRECV: 0,9,"t","again"\r\n', 30)

    connected(twice, work)


def test_a_message_that_is_too_long_is_not_taken_and_not_acknowledged() -> None:
    got: list[mqtt.Packet | None] = []

    async def long(server: Server) -> None:
        server.send(mqtt.Publish("t", bytes(10240), 1, packet_id=1))
        server.send(mqtt.Publish("t", b"short", 1, packet_id=2))
        got.append(await server.next())
        await silent(server)

    async def work(bench: Bench) -> None:
        heard = await bench.port.host_read_until(b'"t","short"\r\n', 60)
        assert heard.count(b"+QMTRECV") == 1
        await asyncio.sleep(5)

    connected(long, work)
    assert got == [mqtt.Ack(Kind.PUBACK, 2)]


async def type_slowly(bench: Bench, data: bytes) -> None:
    """Write at less than the rate of the line."""
    for at in range(0, len(data), 1000):
        bench.port.host_write(data[at : at + 1000])
        await asyncio.sleep(0.1)


def test_a_longest_message_passes_in_both_directions_octet_by_octet() -> None:
    data = bytes(range(256)) * 79

    async def mirror(server: Server) -> None:
        message = await server.next()
        assert isinstance(message, mqtt.Publish)
        assert message.payload == data
        server.send(mqtt.Publish("t", data[:10000]))
        await silent(server)

    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QMTPUBEX=0,0,0,0,"t",%d\r' % len(data))
        await bench.port.host_read_until(b"> ", 10)
        await type_slowly(bench, data)
        await bench.port.host_read_until(b"+QMTPUBEX: 0,0,0\r\n", 60)
        heard = await bench.port.host_read_until(data[:10000] + b'"\r\n', 60)
        assert b'+QMTRECV: 0,0,"t",10000,"' in heard

    connected(mirror, work, 'AT+QMTCFG="pub/maxlen",0,20480', 'AT+QMTCFG="recv/mode",0,0,1')


def test_texts_are_passed_on_octet_by_octet() -> None:
    got: list[mqtt.Packet | None] = []

    async def mirror(server: Server) -> None:
        got.append(await server.next())
        server.send(mqtt.SubAck(1, (0,)))
        server.send(mqtt.Publish("主题", "消息".encode()))
        await silent(server)

    async def work(bench: Bench) -> None:
        bench.port.host_write('AT+QMTSUB=0,1,"主题",0\r'.encode())
        await bench.port.host_read_until('"主题","消息"\r\n'.encode(), 30)

    connected(mirror, work)
    assert got == [mqtt.Subscribe(1, (("主题", 0),))]


def test_a_packet_over_the_limit_is_refused_after_the_data() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QMTPUBEX=0,0,0,0,"t",20480\r')
        await bench.port.host_read_until(b"> ", 10)
        await type_slowly(bench, bytes(20480))
        await bench.port.host_read_until(b"\r\nERROR\r\n", 60)

    connected(silent, work, 'AT+QMTCFG="pub/maxlen",0,20480')


# ---------------------------------------------------------------- keep-alive and ends


def test_a_ping_without_answer_is_repeated_after_the_configured_time() -> None:
    pings: list[float] = []

    async def note(server: Server) -> None:
        while (packet := await server.next()) is not None:
            assert packet == mqtt.Bare(Kind.PINGREQ)
            pings.append(asyncio.get_running_loop().time())

    async def work(bench: Bench) -> None:
        await bench.port.host_read_until(b"+QMTSTAT: 0,2\r\n", 120)

    config = ('AT+QMTCFG="keepalive",0,30', 'AT+QMTCFG="qmtping",0,9', 'AT+QMTCFG="timeout",0,5,2,0')
    connected(note, work, *config)
    assert [round(later - pings[0]) for later in pings] == [0, 9, 18]


def test_a_dead_connection_is_told_after_the_time_its_closing_may_take() -> None:
    instants: list[float] = []

    async def work(bench: Bench) -> None:
        loop = asyncio.get_running_loop()
        bench.simulation.network.patch(loss=1.0)
        started = loop.time()
        await bench.port.host_read_until(b"+QMTSTAT: 0,2\r\n", 120)
        instants.append(loop.time() - started)

    config = ('AT+QMTCFG="keepalive",0,10', 'AT+QMTCFG="timeout",0,5,1,0', 'AT+QMTCFG="close/time",20')
    connected(silent, work, *config)
    assert 38 < instants[0] < 42  # 10 s of silence, two pings of 5 s, 20 s to close


def test_no_ping_without_keep_alive() -> None:
    async def work(bench: Bench) -> None:
        await asyncio.sleep(10000)
        assert await bench.ask("AT+QMTCONN?") == ["+QMTCONN: 0,3", "OK"]

    connected(silent, work, 'AT+QMTCFG="keepalive",0,0')


def test_a_goodbye_closes_at_once_and_says_no_more() -> None:
    async def work(bench: Bench) -> None:
        assert await bench.ask("AT+QMTDISC=0") == ["OK"]
        await bench.port.host_read_until(b"+QMTDISC: 0,0\r\n", 10)
        assert b"+QMTSTAT" not in await bench.port.host_quiet(60)

    connected(silent, work)


def test_a_server_that_is_let_close_first_but_does_not_is_left() -> None:
    async def stubborn(server: Server) -> None:
        await asyncio.sleep(3600)

    async def main(bench: Bench) -> None:
        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(mqtt.encode(mqtt.ConnAck(0)))
            await stubborn(Server(reader, writer))

        async with Peer(accept) as peer:
            await bench.attached()
            await bench.port.host_quiet(10)
            await bench.ask("ATE0")
            await bench.ask(f'AT+QMTOPEN=0,"127.0.0.1",{peer.port}')
            await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
            await bench.ask('AT+QMTCONN=0,"id"')
            await bench.port.host_read_until(b"+QMTCONN: 0,0,0\r\n", 60)
            assert await bench.ask("AT+QMTDISC=0") == ["OK"]
            await bench.port.host_read_until(b"+QMTDISC: 0,0\r\n", 10)
            assert await bench.ask("AT+QMTCONN?") == ["+QMTCONN: 0,4", "OK"]
            assert b"+QMTSTAT" not in await bench.port.host_quiet(60)
            assert await bench.ask("AT+QMTCONN?") == ["OK"]

    on_bench(main, profile="ec800e", overrides=("quirks.server_closes_first=true",))


@pytest.mark.parametrize("when", ["opening", "connecting", "connected", "publishing"])
@pytest.mark.parametrize("how", ["AT+QMTCLOSE=0", "AT+CFUN=0", "reset"])
def test_whatever_the_client_is_doing_it_ends_cleanly(when: str, how: str) -> None:
    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        await reach(bench, when)
        if how == "reset":
            await bench.simulation.power("reset")
            await bench.attached()
            await bench.port.host_quiet(10)
            await bench.ask("ATE0")
        else:
            assert (await bench.ask(how, 60))[-1] == "OK"
            await bench.port.host_quiet(60)
        assert await bench.ask("AT+QMTOPEN?") == ["OK"]
        assert await bench.ask("AT+QMTCONN?") == ["OK"]
        if how == "AT+CFUN=0":
            await bench.ask("AT+CFUN=1", 60)
            await bench.attached()
        bench.simulation.connected["aep-mqtt"].down = False
        assert await bench.ask('AT+QMTOPEN=0,"mqtt.ctwing.cn",1883') == ["OK"]
        await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)

    on_bench(main, profile="ec800e")


async def reach(bench: Bench, when: str) -> None:
    """Bring the client into a state."""
    server = '"180.106.148.146",99' if when == "opening" else '"mqtt.ctwing.cn",1883'
    assert await bench.ask(f"AT+QMTOPEN=0,{server}") == ["OK"]
    if when == "opening":
        return
    await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
    platform = bench.simulation.connected["aep-mqtt"]
    platform.down = when == "connecting"
    assert await bench.ask('AT+QMTCONN=0,"device-1","u","s"') == ["OK"]
    if when == "connecting":
        return
    await bench.port.host_read_until(b"+QMTCONN: 0,0,0\r\n", 60)
    platform.down = when == "publishing"
    if when == "publishing":
        bench.port.host_write(b'AT+QMTPUBEX=0,1,2,0,"t",1\r')
        await bench.port.host_read_until(b"> ", 10)
        bench.port.host_write(b"1")
        await bench.port.host_read_until(b"OK\r\n", 10)


# ---------------------------------------------------------------- the prompt


def on_prompt(line: bytes, work: Callable[[Bench], Awaitable[None]], profile: str = "bc260y") -> None:
    """Play `work` behind the prompt of a connected client."""

    async def main(bench: Bench) -> None:
        await bench.attached()
        await bench.ask("ATE0")
        await bench.ask("AT+QSCLK=0")
        await bench.ask('AT+QMTOPEN=0,"mqtt.ctwing.cn",1883')
        await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
        await bench.ask('AT+QMTCONN=0,"device-1","u","s"')
        await bench.port.host_read_until(b"+QMTCONN: 0,0,0\r\n", 60)
        bench.port.host_write(line + b"\r")
        await bench.port.host_read_until(b">", 10)
        await work(bench)

    on_bench(main, profile=profile, overrides=FAST)


def test_what_exceeds_a_message_is_left_out_up_to_the_control_z() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b"[" + b"1," * 729 + b"1]3456789")
        bench.port.host_write(b"more\x1a")
        await bench.port.host_read_until(b"+QMTPUB: 0,0,0\r\n", 60)
        assert await bench.ask("AT+QMTCONN?") == ["+QMTCONN: 0,3", "OK"]
        records = [r for r in bench.simulation.trace.recent() if r.event in ("no_json", "uplink")]
        assert len(bytes.fromhex(str(records[-1].fields["payload"]))) == 1460

    on_prompt(b'AT+QMTPUB=0,0,0,0,"t"', work)


def test_the_connection_ends_while_the_host_types() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b"12")
        await asyncio.sleep(1)
        bench.simulation.faults.begin("mqtt_cut", {})
        await asyncio.sleep(5)
        bench.port.host_write(b"3\x1a")
        heard = await bench.port.host_quiet(5)
        assert b"ERROR" in heard
        assert b"+QMTSTAT: 0,1" in heard
        assert heard.index(b"ERROR") < heard.index(b"+QMTSTAT")

    on_prompt(b'AT+QMTPUB=0,0,0,0,"t"', work)


def test_a_reset_behind_the_prompt_leaves_no_prompt() -> None:
    async def work(bench: Bench) -> None:
        bench.port.host_write(b"12")
        await bench.simulation.power("reset")
        await bench.attached()
        assert (await bench.ask("AT+QMTCONN?"))[-1] == "OK"

    on_prompt(b'AT+QMTPUB=0,0,0,0,"t"', work)
