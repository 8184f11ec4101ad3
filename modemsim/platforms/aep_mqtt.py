"""AEP over MQTT: devices log in with their feature string, publish JSON, and get commands on their topics."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from modemsim import mqtt
from modemsim.mqtt import Kind, MqttError, Packet
from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.store import Device, UplinkType
from modemsim.trace import Trace

SOURCE = "EC800E AEP guide, 4.2"
CONNECT_LIMIT = 20.0
"""Seconds a connection may stay without CONNECT (MQTT 3.1.1, 3.1.4 asks for a reasonable time)."""
PATIENCE = 1.5
"""Keep-alive intervals of silence after which a client is cut (MQTT 3.1.1, 3.1.2.10)."""
WILDCARDS = "#+"
"""What the topic of a message must not contain (MQTT 3.1.1, 3.3.2.1)."""
DISCONNECTED = "disconnected"
_TYPES: tuple[UplinkType, ...] = ("QOS0", "QOS1", "QOS2")


@dataclass
class _Session:
    """What outlives a connection without a clean session: subscriptions, and messages of QoS 2 under way."""

    topics: dict[str, int] = field(default_factory=dict)
    held: set[int] = field(default_factory=set)
    last_id: int = 0


@dataclass(eq=False)
class _Client:
    """One connected client."""

    writer: asyncio.StreamWriter
    device: Device
    session: _Session

    def send(self, packet: Packet) -> None:
        self.writer.write(mqtt.encode(packet))

    def command(self, payload: bytes) -> bool:
        """Publish to every topic without wildcards the client subscribed to; False when there is none."""
        topics = [one for one in self.session.topics.items() if not set(WILDCARDS) & set(one[0])]
        for topic, qos in topics:
            self.session.last_id = self.session.last_id % 0xFFFF + 1
            number = self.session.last_id if qos else 0
            self.send(mqtt.Publish(topic, payload, qos, packet_id=number))
        return bool(topics)


class AepMqtt(ConnectedPlatform):
    """AEP's MQTT access; the client id is the device id, the password its feature string, the user name free.

    A published payload that is no JSON is acknowledged and dropped, as the console shows nothing of it. The
    will of a client that goes without DISCONNECT is stored like what it published. `refuse` is the return
    code that every CONNECT gets while it is not None.
    """

    name = "aep-mqtt"

    def __init__(self, *, trace: Trace, host: str = "127.0.0.1", port: int = 0, strict: bool = False) -> None:
        super().__init__(trace=trace, host=host, port=port, strict=strict)
        self.refuse: int | None = None
        self._sessions: dict[str, _Session] = {}
        self._clients: set[_Client] = set()

    def cut(self, last_words: bytes = b"") -> None:
        """Close every client's connection, behind these bytes."""
        for client in tuple(self._clients):
            client.writer.write(last_words)
            client.writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """CONNECT first, then packets until the client goes, is silent for too long, or talks nonsense."""
        decoder = mqtt.Decoder()
        waiting: list[Packet] = []
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                while not waiting:
                    waiting = decoder.feed(await _some(reader))
            first = waiting.pop(0)
            if not isinstance(first, mqtt.Connect):
                return
            if self.down:
                await self.hang(reader)
            client = self._admit(first, writer)
            if client is not None:
                await self._talk(client, first, waiting, decoder, reader)
        except MqttError as error:
            self.emit("nonsense", reason=str(error))

    def _admit(self, connect: mqtt.Connect, writer: asyncio.StreamWriter) -> _Client | None:
        name = connect.client_id
        kept = self._sessions.pop(name, None) if connect.clean else self._sessions.get(name)
        code = self._judge(connect)
        self.emit("login", endpoint=name, result=code)
        present = code == 0 and not connect.clean and kept is not None
        writer.write(mqtt.encode(mqtt.ConnAck(code, present)))
        if code:
            return None
        end = self.end_of(name)
        if end is not None:
            end()
        client = _Client(writer, self.store[name], kept if present and kept is not None else _Session())
        if not connect.clean:
            self._sessions[name] = client.session
        address = writer.get_extra_info("peername")[:2]
        self.logged_in(name, address, client.command, writer.transport.abort)
        return client

    def _judge(self, connect: mqtt.Connect) -> int:
        """The return code of CONNACK (3.2.2.3)."""
        if self.refuse is not None:
            return self.refuse
        if connect.version not in (3, 4):
            return 1
        if not connect.client_id or not self.knows(connect.client_id):
            return 2
        secret = (connect.password or b"").decode("latin-1")
        return 0 if secret and self.proves(connect.client_id, secret) else 4

    async def _talk(
        self,
        client: _Client,
        connect: mqtt.Connect,
        waiting: list[Packet],
        decoder: mqtt.Decoder,
        reader: asyncio.StreamReader,
    ) -> None:
        silence = PATIENCE * connect.keep_alive if connect.keep_alive else None
        reason = "the connection ended"
        self._clients.add(client)
        try:
            while True:
                for packet in waiting:
                    if isinstance(packet, mqtt.Bare) and packet.kind is Kind.DISCONNECT:
                        reason = DISCONNECTED
                        return
                    if not self.down:
                        self._take(client, packet)
                async with asyncio.timeout(silence):
                    waiting = decoder.feed(await _some(reader))
        except TimeoutError:
            reason = "keep-alive"
        finally:
            self._clients.discard(client)
            self.logged_out(client.device, client.command, reason)
            if connect.will is not None and reason != DISCONNECTED and self.running:
                self._store(
                    client.device, mqtt.Publish(connect.will.topic, connect.will.payload, connect.will.qos)
                )

    def _take(self, client: _Client, packet: Packet) -> None:
        """One packet of a connected client."""
        self.heard(client.device)
        match packet:
            case mqtt.Publish():
                self._published(client, packet)
            case mqtt.Ack(Kind.PUBREL, number):
                client.session.held.discard(number)
                client.send(mqtt.Ack(Kind.PUBCOMP, number))
            case mqtt.Ack(Kind.PUBREC, number):
                client.send(mqtt.Ack(Kind.PUBREL, number))
            case mqtt.Subscribe(number, topics):
                client.session.topics.update(topics)
                client.send(mqtt.SubAck(number, tuple(qos for _, qos in topics)))
            case mqtt.Unsubscribe(number, names):
                for name in names:
                    client.session.topics.pop(name, None)
                client.send(mqtt.Ack(Kind.UNSUBACK, number))
            case mqtt.Bare(Kind.PINGREQ):
                client.send(mqtt.Bare(Kind.PINGRESP))
            case mqtt.Ack():
                pass
            case _:
                raise MqttError(f"a client does not send {type(packet).__name__}")

    def _published(self, client: _Client, packet: mqtt.Publish) -> None:
        if set(WILDCARDS) & set(packet.topic) or not packet.topic:
            raise MqttError("the topic of a message has wildcards or is empty")
        repeated = packet.qos == 2 and packet.packet_id in client.session.held
        if not repeated:
            self._store(client.device, packet)
        if packet.qos == 1:
            client.send(mqtt.Ack(Kind.PUBACK, packet.packet_id))
        elif packet.qos == 2:
            client.session.held.add(packet.packet_id)
            client.send(mqtt.Ack(Kind.PUBREC, packet.packet_id))

    def _store(self, device: Device, packet: mqtt.Publish) -> None:
        try:
            json.loads(packet.payload)
        except ValueError:
            self.emit("no_json", endpoint=device.endpoint, path=packet.topic, payload=packet.payload.hex())
            return
        self.uplink(device, packet.topic, packet.payload, _TYPES[packet.qos], packet.packet_id)


async def _some(reader: asyncio.StreamReader) -> bytes:
    """What has come; raises IncompleteReadError at the end of the stream."""
    data = await reader.read(16384)
    if not data:
        raise asyncio.IncompleteReadError(b"", None)
    return data
