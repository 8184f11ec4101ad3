"""Lines come in the order of what caused them: outcomes before what follows from them, packets as they arrived."""

from __future__ import annotations

import asyncio
import re

import pytest
from sockets_bench import keep
from test_ue_mqtt import Server, connected, silent
from ue_bench import FAST, Bench, on_bench

from modemsim import mqtt
from modemsim.mqtt import Kind
from modemsim.platforms.authority import Authority
from modemsim.radio.network import DEFAULT_START

RETAINED = mqtt.Publish("t/ret", b"retained")


def lines(heard: bytes) -> list[str]:
    """The unsolicited lines, without what they carry."""
    return re.findall(r"\+[A-Z]+: [^\"\r]*", heard.decode("latin-1"))


@pytest.mark.parametrize(
    ("line", "answer", "told"),
    [
        ('AT+QMTSUB=0,1,"t/ret",0', mqtt.SubAck(1, (0,)), "+QMTSUB: 0,1,0,0"),
        ('AT+QMTUNS=0,2,"t"', mqtt.Ack(Kind.UNSUBACK, 2), "+QMTUNS: 0,2,0"),
        ('AT+QMTPUBEX=0,3,1,0,"t",1', mqtt.Ack(Kind.PUBACK, 3), "+QMTPUBEX: 0,3,0"),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
def test_an_answer_is_told_before_the_message_behind_it(
    line: str, answer: mqtt.Packet, told: str, apart: bool
) -> None:
    async def answers(server: Server) -> None:
        await server.next()
        server.send(answer)
        if apart:
            await asyncio.sleep(0)
        server.send(RETAINED)
        await silent(server)

    async def work(bench: Bench) -> None:
        bench.port.host_write(line.encode() + b"\r")
        if "PUBEX" in line:
            await bench.port.host_read_until(b"> ", 10)
            bench.port.host_write(b"x")
        heard = await bench.port.host_quiet(10)
        assert lines(heard) == [told, "+QMTRECV: 0,0,"]

    connected(answers, work)


def test_what_was_asked_for_fails_before_the_end_is_told() -> None:
    async def leaves(server: Server) -> None:
        await server.next()
        server.writer.close()

    async def work(bench: Bench) -> None:
        assert await bench.ask('AT+QMTSUB=0,1,"t",0') == ["OK"]
        assert lines(await bench.port.host_quiet(10)) == ["+QMTSUB: 0,1,2", "+QMTSTAT: 0,1"]

    connected(leaves, work)


@pytest.mark.parametrize("access", [0, 1])
@pytest.mark.parametrize("stays", [False, True])
def test_a_secured_connection_is_told_before_what_its_server_says_at_once(access: int, stays: bool) -> None:
    async def says(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"bye")
        if stays:
            await keep(reader, writer)
        writer.close()

    async def main(bench: Bench) -> None:
        context = Authority(lambda: DEFAULT_START, ("server.test",)).context
        server = await asyncio.start_server(says, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=600)
        port = server.sockets[0].getsockname()[1]
        await bench.attached()
        await bench.port.host_quiet(10)
        assert await bench.ask(f'AT+QSSLOPEN=1,1,0,"127.0.0.1",{port},{access}') == ["OK"]
        heard = await bench.port.host_quiet(10)
        places = [heard.find(word) for word in (b"+QSSLOPEN: 0,0", b'"recv",0', b'"closed",0')]
        assert -1 not in places[: 2 if stays else 3]
        assert places[: 2 if stays else 3] == sorted(places[: 2 if stays else 3])
        server.close()

    for seed in range(4):
        on_bench(main, profile="ec800e", overrides=FAST, seed=seed)
