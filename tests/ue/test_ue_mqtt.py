"""The module's MQTT client against servers that misbehave, and hosts that are slow to read."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from test_ue_sockets import Peer
from ue_bench import Bench, on_bench

from modemsim import mqtt
from modemsim.mqtt import Kind


class Server:
    """One connection of a broker that accepts the client and then does what the test says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.decoder = mqtt.Decoder()
        self.waiting: list[mqtt.Packet] = []

    def send(self, packet: mqtt.Packet) -> None:
        self.writer.write(mqtt.encode(packet))

    async def next(self) -> mqtt.Packet | None:
        """The next packet of the client; None at its end."""
        while not self.waiting:
            data = await self.reader.read(4096)
            if not data:
                return None
            self.waiting += self.decoder.feed(data)
        return self.waiting.pop(0)


def connected(
    serve: Callable[[Server], Awaitable[None]], work: Callable[[Bench], Awaitable[None]], *config: str
) -> None:
    """Play `work` on an EC800E that is connected to a broker with that behaviour."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = Server(reader, writer)
        assert isinstance(await server.next(), mqtt.Connect)
        server.send(mqtt.ConnAck(0))
        await asyncio.sleep(1)
        await serve(server)

    async def main(bench: Bench) -> None:
        async with Peer(accept) as peer:
            await bench.attached()
            await bench.port.host_quiet(10)
            await bench.ask("ATE0")
            for line in ('AT+QMTCFG="version",0,4', *config):
                assert await bench.ask(line) == ["OK"]
            assert await bench.ask(f'AT+QMTOPEN=0,"127.0.0.1",{peer.port}') == ["OK"]
            await bench.port.host_read_until(b"+QMTOPEN: 0,0\r\n", 60)
            assert await bench.ask('AT+QMTCONN=0,"id"') == ["OK"]
            await bench.port.host_read_until(b"+QMTCONN: 0,0,0\r\n", 60)
            await work(bench)

    on_bench(main, profile="ec800e")


async def silent(server: Server) -> None:
    while await server.next() is not None:
        pass


def test_nonsense_of_the_server_ends_the_connection() -> None:
    async def nonsense(server: Server) -> None:
        server.writer.write(b"\xf0\x00")
        await silent(server)

    async def work(bench: Bench) -> None:
        await bench.port.host_read_until(b"+QMTSTAT: 0,8\r\n", 10)
        assert await bench.ask("AT+QMTCONN?") == ["OK"]

    connected(nonsense, work)


def test_data_that_nobody_acknowledges_ends_the_connection() -> None:
    async def work(bench: Bench) -> None:
        bench.simulation.network.patch(loss=1.0)
        bench.port.host_write(b'AT+QMTPUBEX=0,1,1,0,"t",1\r')
        await bench.port.host_read_until(b"> ", 10)
        bench.port.host_write(b"x")
        await bench.port.host_read_until(b"+QMTPUBEX: 0,1,2\r\n", 60)
        await bench.port.host_read_until(b"+QMTSTAT: 0,6\r\n", 600)

    connected(silent, work, 'AT+QMTCFG="keepalive",0,0')


def test_a_message_of_quality_two_is_handed_over_once_however_often_it_comes() -> None:
    async def twice(server: Server) -> None:
        message = mqtt.Publish("t", b"once", 2, packet_id=9)
        server.send(message)
        assert await server.next() == mqtt.Ack(Kind.PUBREC, 9)
        server.send(message)
        assert await server.next() == mqtt.Ack(Kind.PUBREC, 9)
        server.send(mqtt.Ack(Kind.PUBREL, 9))
        assert await server.next() == mqtt.Ack(Kind.PUBCOMP, 9)
        server.send(mqtt.Publish("t", b"done"))
        await silent(server)

    async def work(bench: Bench) -> None:
        heard = await bench.port.host_read_until(b'"t","done"\r\n', 30)
        assert heard.count(b'+QMTRECV: 0,9,"t","once"') == 1

    connected(twice, work)


def test_the_will_and_the_repetition_are_as_the_host_configured() -> None:
    got: list[mqtt.Packet] = []

    async def note(server: Server) -> None:
        while (packet := await server.next()) is not None:
            got.append(packet)

    async def work(bench: Bench) -> None:
        bench.port.host_write(b'AT+QMTPUBEX=0,3,1,1,"t",2\r')
        await bench.port.host_read_until(b"> ", 10)
        bench.port.host_write(b"hi")
        await bench.port.host_read_until(b"+QMTPUBEX: 0,3,2\r\n", 60)

    connected(note, work, 'AT+QMTCFG="timeout",0,2,2,0')
    first = mqtt.Publish("t", b"hi", 1, True, False, 3)
    again = mqtt.Publish("t", b"hi", 1, True, True, 3)
    assert got == [first, again, again]


def test_a_flood_of_messages_waits_for_the_line() -> None:
    async def flood(server: Server) -> None:
        number = 0
        while True:
            server.send(mqtt.Publish("flood", b"%06d" % number + bytes(500)))
            number += 1
            await server.writer.drain()

    async def work(bench: Bench) -> None:
        await asyncio.sleep(30)
        assert bench.simulation.ue.terminal.urcs_waiting < 20
        heard = bench.port.host_read()
        numbers = [int(part[:6]) for part in heard.split(b'"flood","')[1:-1]]
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > 100

    connected(flood, work)


def test_a_reset_forgets_clients_and_what_they_waited_for() -> None:
    async def work(bench: Bench) -> None:
        assert await bench.ask('AT+QMTSUB=0,1,"t",1') == ["OK"]
        await bench.simulation.power("reset")
        await bench.attached()
        await bench.port.host_quiet(10)
        await bench.ask("ATE0")
        assert await bench.ask("AT+QMTCONN?") == ["OK"]

    connected(silent, work)
