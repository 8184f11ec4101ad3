"""AEP over TCP and MQTT and the echo host, met by plain sockets: logins, silence, nonsense, downlinks, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from modemsim import clock, mqtt
from modemsim.mqtt import Kind
from modemsim.platforms.aep_mqtt import AepMqtt
from modemsim.platforms.aep_tcp import AepTcp
from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.echo import Echo
from modemsim.trace import Trace

P = TypeVar("P", bound=ConnectedPlatform)


class Client:
    """A plain TCP client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.decoder = mqtt.Decoder()

    async def raw(self, data: bytes, expected: int) -> bytes:
        self.writer.write(data)
        return await self.reader.readexactly(expected)

    async def ask(self, *packets: mqtt.Packet) -> mqtt.Packet | None:
        """Send packets and read one; None when the connection ended instead."""
        for packet in packets:
            self.writer.write(mqtt.encode(packet))
        return await self.read()

    async def read(self) -> mqtt.Packet | None:
        while True:
            data = await self.reader.read(1)
            if not data:
                return None
            got = self.decoder.feed(data)
            if got:
                return got[0]

    async def ended(self) -> bool:
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True


def with_platform(
    kind: Callable[..., P],
    work: Callable[[P, Callable[[], Awaitable[Client]]], Awaitable[None]],
    **options: Any,
) -> None:
    clients: list[Client] = []

    async def main() -> None:
        platform = kind(trace=Trace(asyncio.get_running_loop().time), **options)
        await platform.start()

        async def connect() -> Client:
            clients.append(Client(*await asyncio.open_connection(*platform.address)))
            return clients[-1]

        try:
            await work(platform, connect)
        finally:
            for client in clients:
                client.writer.transport.abort()
            await platform.stop()
            await asyncio.sleep(0.1)

    clock.run(main(), virtual=True)


def login(name: bytes, secret: bytes = b"key", version: bytes = b"1.0") -> bytes:
    fields = (name, secret, version)
    return b"\x01" + b"".join(len(field).to_bytes(2, "big") + field for field in fields)


# ---------------------------------------------------------------- TCP


def test_tcp_login_uplink_downlink_and_heartbeat() -> None:
    async def work(platform: AepTcp, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        assert await client.raw(login(b"dev"), 3) == bytes.fromhex("050000")
        assert await client.raw(bytes.fromhex("02000568656c6c6f04"), 1) == b"\x06"
        device = platform.store["dev"]
        assert [(uplink.payload, uplink.type, uplink.path) for uplink in device.uplinks] == [
            (b"hello", "TCP", "tcp")
        ]
        assert platform.downlink("dev", b"hi").state == "delivered"
        assert await client.raw(b"", 5) == bytes.fromhex("0300026869")
        client.writer.close()
        await asyncio.sleep(1)
        assert not device.registered
        late = platform.downlink("dev", b"hi")
        assert (late.state, late.reason) == ("failed", "not connected")
        assert list(device.downlinks) == ["1", "2"]

    with_platform(AepTcp, work)


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (login(b"stranger"), "050002"),
        (login(b"known", b"wrong"), "050003"),
        (login(b"known", b"key", b"2.0"), "050001"),
        (login(b""), "050001"),
        (b"\x02\x00\x01a", "050001"),
    ],
)
def test_tcp_refusals_end_the_connection(frame: bytes, answer: str) -> None:
    async def work(platform: AepTcp, connect: Callable[[], Awaitable[Client]]) -> None:
        platform.set_secret("known", "key")
        client = await connect()
        assert await client.raw(frame, 3) == bytes.fromhex(answer)
        assert await client.ended()

    with_platform(AepTcp, work, strict=True)


def test_a_second_login_over_tcp_is_told_so_whichever_connection_it_comes_by() -> None:
    async def work(platform: AepTcp, connect: Callable[[], Awaitable[Client]]) -> None:
        first, second = await connect(), await connect()
        assert await first.raw(login(b"dev"), 3) == bytes.fromhex("050000")
        for client in (second, first):
            assert await client.raw(login(b"dev"), 3) == bytes.fromhex("050004")
            assert await client.ended()

    with_platform(AepTcp, work)


@pytest.mark.parametrize("topics", [(), ("topic/+",), ("#",)])
def test_a_command_over_mqtt_that_has_no_topic_fails(topics: tuple[str, ...]) -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await client.ask(mqtt.Connect("dev", "user", b"key"))
        for topic in topics:
            await client.ask(mqtt.Subscribe(1, ((topic, 1),)))
        failed = platform.downlink("dev", b"hi")
        assert (failed.state, failed.reason) == ("failed", "no topic to send to")

    with_platform(AepMqtt, work)


def test_tcp_silence_before_and_behind_the_login_ends_the_connection() -> None:
    async def work(platform: AepTcp, connect: Callable[[], Awaitable[Client]]) -> None:
        loop = asyncio.get_running_loop()
        assert await (await connect()).ended()
        assert loop.time() == pytest.approx(60, abs=1)
        client = await connect()
        await client.raw(login(b"dev"), 3)
        await asyncio.sleep(299)
        assert await client.raw(b"\x04", 1) == b"\x06"
        started = loop.time()
        assert await client.ended()
        assert loop.time() - started == pytest.approx(300, abs=1)

    with_platform(AepTcp, work)


def test_tcp_nonsense_behind_the_login_and_a_removed_device_end_the_connection() -> None:
    async def work(platform: AepTcp, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await client.raw(login(b"dev"), 3)
        client.writer.write(b"\x09")
        assert await client.ended()
        client = await connect()
        await client.raw(login(b"dev"), 3)
        platform.store.remove("dev")
        assert await client.ended()
        assert "dev" not in platform.store

    with_platform(AepTcp, work)


def test_a_restart_keeps_devices_and_port() -> None:
    async def work(platform: AepTcp, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await client.raw(login(b"dev"), 3)
        address = platform.address
        await platform.stop()
        assert await client.ended()
        await platform.start()
        assert platform.address == address
        assert await (await connect()).raw(login(b"dev"), 3) == bytes.fromhex("050000")
        assert await (await connect()).raw(login(b"dev", b"other"), 3) == bytes.fromhex("050003")

    with_platform(AepTcp, work)


# ---------------------------------------------------------------- MQTT


def test_mqtt_messages_are_stored_once_each_and_only_as_json() -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        assert await client.ask(mqtt.Connect("dev", "any", b"key")) == mqtt.ConnAck(0)
        assert await client.ask(mqtt.Publish("up", b"{}", 1, packet_id=5)) == mqtt.Ack(Kind.PUBACK, 5)
        twice = mqtt.Publish("up", b"[]", 2, packet_id=6)
        assert await client.ask(twice) == mqtt.Ack(Kind.PUBREC, 6)
        assert await client.ask(twice) == mqtt.Ack(Kind.PUBREC, 6)
        assert await client.ask(mqtt.Ack(Kind.PUBREL, 6)) == mqtt.Ack(Kind.PUBCOMP, 6)
        client.writer.write(mqtt.encode(mqtt.Publish("up", b"no json")))
        assert await client.ask(mqtt.Bare(Kind.PINGREQ)) == mqtt.Bare(Kind.PINGRESP)
        uplinks = platform.store["dev"].uplinks
        assert [(uplink.payload, uplink.type) for uplink in uplinks] == [(b"{}", "QOS1"), (b"[]", "QOS2")]

    with_platform(AepMqtt, work)


def test_mqtt_downlinks_go_to_the_topics_of_a_session_that_may_outlive_the_connection() -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        first = mqtt.Connect("dev", None, b"key", clean=False)
        client = await connect()
        assert await client.ask(first) == mqtt.ConnAck(0)
        topics = (("down", 1), ("wild/#", 2))
        assert await client.ask(mqtt.Subscribe(1, topics)) == mqtt.SubAck(1, (1, 2))
        platform.downlink("dev", b"one")
        assert await client.read() == mqtt.Publish("down", b"one", 1, packet_id=1)
        again = await connect()
        assert await again.ask(first) == mqtt.ConnAck(0, session_present=True)
        assert await client.read() is None
        platform.downlink("dev", b"two")
        assert await again.read() == mqtt.Publish("down", b"two", 1, packet_id=2)
        assert await again.ask(mqtt.Unsubscribe(2, ("down",))) == mqtt.Ack(Kind.UNSUBACK, 2)
        again.writer.write(mqtt.encode(mqtt.Bare(Kind.DISCONNECT)))
        assert await again.read() is None
        assert platform.downlink("dev", b"three").reason == "not connected"

    with_platform(AepMqtt, work)


@pytest.mark.parametrize(
    ("connect", "code"),
    [
        (mqtt.Connect("stranger", None, b"key"), 2),
        (mqtt.Connect("", None, b"key"), 2),
        (mqtt.Connect("known", None, b"wrong"), 4),
        (mqtt.Connect("known", None, None), 4),
    ],
)
def test_mqtt_refusals(connect: mqtt.Connect, code: int) -> None:
    async def work(platform: AepMqtt, dial: Callable[[], Awaitable[Client]]) -> None:
        platform.set_secret("known", "key")
        client = await dial()
        assert await client.ask(connect) == mqtt.ConnAck(code)
        assert await client.read() is None

    with_platform(AepMqtt, work, strict=True)


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("c000"), b"\x00" * 10])
def test_mqtt_nonsense_ends_the_connection(first: bytes) -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        client.writer.write(first)
        assert await client.ended()

    with_platform(AepMqtt, work)


def test_mqtt_silence_is_cut_after_one_and_a_half_keep_alive_intervals() -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        client, loop = await connect(), asyncio.get_running_loop()
        await client.ask(mqtt.Connect("dev", None, b"key", keep_alive=10))
        started = loop.time()
        assert await client.read() is None
        assert loop.time() - started == pytest.approx(15, abs=0.5)

    with_platform(AepMqtt, work)


def test_mqtt_a_clean_session_ends_the_kept_one() -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        kept, clean = (mqtt.Connect("dev", None, b"key", clean=on) for on in (False, True))
        client = await connect()
        await client.ask(kept)
        await client.ask(mqtt.Subscribe(1, (("down", 0),)))
        assert await (await connect()).ask(clean) == mqtt.ConnAck(0)
        assert await (await connect()).ask(kept) == mqtt.ConnAck(0)
        again = await connect()
        assert await again.ask(kept) == mqtt.ConnAck(0, session_present=True)
        platform.downlink("dev", b"nobody")
        assert await again.ask(mqtt.Bare(Kind.PINGREQ)) == mqtt.Bare(Kind.PINGRESP)

    with_platform(AepMqtt, work)


def test_mqtt_a_message_of_quality_two_is_stored_once_over_two_connections() -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        kept, message = (
            mqtt.Connect("dev", None, b"key", clean=False),
            mqtt.Publish("t", b"{}", 2, packet_id=3),
        )
        for _ in range(2):
            client = await connect()
            await client.ask(kept)
            assert await client.ask(message) == mqtt.Ack(Kind.PUBREC, 3)
            client.writer.close()
        assert len(platform.store["dev"].uplinks) == 1

    with_platform(AepMqtt, work)


@pytest.mark.parametrize(("goodbye", "stored"), [(True, 0), (False, 1)])
def test_mqtt_a_will_is_stored_unless_the_client_said_goodbye(goodbye: bool, stored: int) -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await client.ask(mqtt.Connect("dev", None, b"key", will=mqtt.Will("last", b'"words"', 1)))
        if goodbye:
            client.writer.write(mqtt.encode(mqtt.Bare(Kind.DISCONNECT)))
        client.writer.close()
        await asyncio.sleep(1)
        uplinks = [(uplink.path, uplink.payload, uplink.type) for uplink in platform.store["dev"].uplinks]
        assert uplinks == [("last", b'"words"', "QOS1")] * stored

    with_platform(AepMqtt, work)


@pytest.mark.parametrize("topic", ["", "up/#", "+"])
def test_mqtt_a_topic_that_no_message_can_have_ends_the_connection(topic: str) -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        client = await connect()
        await client.ask(mqtt.Connect("dev", None, b"key"))
        assert await client.ask(mqtt.Publish(topic, b"{}")) is None

    with_platform(AepMqtt, work)


def test_mqtt_refuses_and_cuts_on_demand() -> None:
    async def work(platform: AepMqtt, connect: Callable[[], Awaitable[Client]]) -> None:
        platform.refuse = 3
        assert await (await connect()).ask(mqtt.Connect("dev", None, b"key")) == mqtt.ConnAck(3)
        platform.refuse = None
        client = await connect()
        assert await client.ask(mqtt.Connect("dev", None, b"key")) == mqtt.ConnAck(0)
        platform.cut(mqtt.encode(mqtt.Bare(Kind.PINGRESP)))
        assert await client.read() == mqtt.Bare(Kind.PINGRESP)
        assert await client.read() is None

    with_platform(AepMqtt, work)


# ---------------------------------------------------------------- echo


def test_the_echo_host_returns_datagrams_and_streams_unless_it_is_down() -> None:
    async def main() -> None:
        echo = Echo(trace=Trace(asyncio.get_running_loop().time))
        await echo.start()
        reader, writer = await asyncio.open_connection(*echo.address)
        writer.write(b"stream")
        assert await reader.readexactly(6) == b"stream"
        loop = asyncio.get_running_loop()
        got: list[bytes] = []

        class Hearing(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: Any) -> None:
                got.append(data)

        transport, _ = await loop.create_datagram_endpoint(Hearing, remote_addr=echo.address)
        transport.sendto(b"datagram")
        await asyncio.sleep(0.1)
        echo.down = True
        transport.sendto(b"lost")
        await asyncio.sleep(0.1)
        assert got == [b"datagram"]
        transport.abort()
        await echo.stop()
        assert await reader.read(1) == b""
        writer.close()
        await asyncio.sleep(0.1)

    clock.run(main(), virtual=True)
