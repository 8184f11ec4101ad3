"""MQTT of the SIM7020 series: the CMQ commands. OK comes with the outcome, or when the packet is sent."""

from __future__ import annotations

import re
from typing import Any

from modemsim import mqtt
from modemsim.at.command import Command
from modemsim.at.dialect import to_bytes
from modemsim.at.params import Address, Choice, Int, Text, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.mqtt import credentials
from modemsim.net.tls_settings import TlsSettings
from modemsim.ue.module import Ue
from modemsim.ue.mqtt_client import Link, MqttClient

MANUAL = "SIM7020 AT manual 1.05, 11; MQTT note 1.05"
CLIENT = 0
"""The only number a client can have."""
HEX = "+CREVHEX.mode"
"""While it is 1, messages are hex digits in both directions, else text."""
_WILL = re.compile(
    r"topic=(?P<topic>[^,]{1,128}),QoS=(?P<qos>[0-2]),retained=(?P<retained>[01]),"
    r"message_len=(?P<length>\d{1,4}),message=(?P<message>.*)",
    re.IGNORECASE | re.DOTALL,
)


class PortText(Text):
    """A port as a string of digits, which hosts write with and without quotes."""

    textual = False

    def parse(self, token: Token) -> int:
        """The port; raises `Refusal` for what is none."""
        text = super().parse(token)
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise Refusal(self.bad)
        return int(text)


class CmqCommand(Command):
    """Base of a command about the MQTT client; refusals are a plain ERROR."""

    group = "sockets"


def _message(ue: Ue, length: int, text: str) -> bytes:
    """The bytes of a message as AT+CREVHEX says it is written; refuses another length than the stated one."""
    if len(text) != length:
        raise Refusal("bad_value")
    if not ue.settings.get(HEX):
        return to_bytes(text)
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Refusal("bad_value") from None


def _will(ue: Ue, text: str) -> mqtt.Will:
    """A will out of one string: topic=..,QoS=..,retained=..,message_len=..,message=.. ."""
    found = _WILL.fullmatch(text)
    if found is None:
        raise Refusal("bad_value")
    payload = _message(ue, int(found["length"]), found["message"])
    return mqtt.Will(found["topic"], payload, int(found["qos"]), found["retained"] == "1")


def _fits(ue: Ue, packet: mqtt.Packet) -> None:
    """Refuse a packet that is longer than the buffer of AT+CMQNEW."""
    most = ue.mqtt.reception(CLIENT).packet_limit
    if most is not None and len(mqtt.encode(packet, mqtt.OCTETS)) > most:
        raise Refusal("too_long")


async def _introduce(
    ue: Ue, client: MqttClient, client_id: str, user: str | None, password: str | None
) -> None:
    """CONNECT; a client that was not answered stays as AT+CMQNEW made it."""
    _fits(ue, client.introduction(client_id, user, password))
    outcome = await client.connect(client_id, user, password)
    if not outcome.answered and client.link is Link.CONNECTING:
        client.link = Link.OPEN
    if outcome.codes != (0,):
        raise Refusal("no_answer")


def _client(ue: Ue, link: Link) -> MqttClient:
    client = ue.mqtt.client(CLIENT)
    if client.link is not link:
        raise Refusal("not_connected")
    return client


def _next_id(ue: Ue) -> int:
    """A packet identifier of the module's own choice, one after another."""
    return ue.mqtt.next_packet_id(CLIENT)


async def _done(ue: Ue, work: Any) -> None:
    """Wait for the server where AT+CMQTSYNC asks for it; refuses when it does not answer."""
    if not ue.settings.get("+CMQTSYNC.mode"):
        ue.spawn(work)
    elif not (await work).answered:
        raise Refusal("no_answer")


class Cmqnew(CmqCommand):
    """Make a client and open its connection."""

    name, source = "+CMQNEW", MANUAL
    max_response = 75.0
    test_reply = "+CMQNEW: <server>,<port>,(0-60000),(20-1132),(0-10)"
    needs, errors = (needs.bearer,), ("no_bearer", "not_allowed", "connect_failed")
    write_reply = "+CMQNEW: {id}"
    host = Address(50, doc="address or name of the server")
    port = PortText(5, doc="port, as a string")
    timeout = Int(0, 60000, doc="milliseconds to wait for an answer")
    buffer = Int(20, 1132, doc="bytes of the buffers: a longer packet is neither sent nor taken")
    cid = Int(0, 10, default=1, doc="bearer; there is one here")

    def read(self, ue: Ue) -> str:
        client = ue.mqtt.client(CLIENT)
        made = client.link is not Link.CLOSED
        return f"{self.name}: {CLIENT},{int(made)},{client.server[0] if made else 'null'}"

    async def write(self, ue: Ue, host: str, port: int, timeout: int, buffer: int, cid: int) -> Any:
        if ue.mqtt.busy(CLIENT):
            raise Refusal("not_allowed")
        client = ue.mqtt.client(CLIENT)
        client.options.timeout = max(1.0, timeout / 1000)
        client.options.retries = 0
        client.options.security = self.security(ue)
        ue.mqtt.reception(CLIENT).packet_limit = buffer
        if await client.open(host, port) != "ok":
            raise Refusal("connect_failed")
        return {"id": CLIENT}

    def security(self, ue: Ue) -> TlsSettings | None:
        """How the connection is secured: not at all."""
        return None


class Cmqcon(CmqCommand):
    """Introduce the client to the server; the will, if the flag says there is one, stands before the user."""

    name, source = "+CMQCON", MANUAL + "; host programs"
    max_response = 60.0
    errors = ("not_connected", "no_answer", "bad_value", "too_long")
    testable = False
    id = Choice(0, doc="client")
    version = Choice(3, 4, doc="3 MQTT 3.1, 4 MQTT 3.1.1")
    client_id = Text(120, doc="client identifier")
    keep_alive = Int(0, 64800, doc="seconds")
    clean = Choice(0, 1, doc="1: a session without a past")
    will_flag = Choice(0, 1, doc="1: the will follows")
    first = Text(1200, default=None, doc="the will as one string, or the user name where there is none")
    second = Text(100, default=None, doc="user name, or password where there is no will")
    third = Text(100, default=None, doc="password")

    def read(self, ue: Ue) -> str:
        client = ue.mqtt.client(CLIENT)
        made = client.link is Link.CONNECTED
        return f"+CMQCON: {CLIENT}," + (f'1,"{client.server[0]}"' if made else "0,null")

    async def write(self, ue: Ue, id: int, version: int, client_id: str, keep_alive: int, clean: int,
                    will_flag: int, **more: str | None) -> None:  # fmt: skip
        client = _client(ue, Link.OPEN)
        first, second, third = more.values()
        if not will_flag and first is not None:
            if third is not None or len(first) > 100:
                raise Refusal("bad_value")
            first, second, third = None, first, second
        if bool(will_flag) is (first is None):
            raise Refusal("bad_value")
        options = client.options
        options.version, options.keep_alive, options.clean = version, keep_alive, bool(clean)
        options.will = None if first is None else _will(ue, first)
        await _introduce(ue, client, client_id, second, third)


class Cmqalicfg(CmqCommand):
    """Remember the device that AT+CMQALICON introduces to Alibaba Cloud."""

    name, source, provenance = "+CMQALICFG", "host programs", "log"
    testable = False
    id = Choice(0, doc="client")
    product_key = Text(64, min_length=1, doc="product key")
    device = Text(64, min_length=1, doc="device name")
    secret = Text(64, min_length=1, doc="device secret")

    def write(self, ue: Ue, id: int, product_key: str, device: str, secret: str) -> None:
        ue.settings.set("+CMQALICFG.device", [product_key, device, secret])


class Cmqalicon(CmqCommand):
    """Introduce the client to Alibaba Cloud as the device of AT+CMQALICFG."""

    name, source, provenance = (
        "+CMQALICON",
        "host programs; Alibaba's rule for client id and signature",
        "log",
    )
    max_response = 60.0
    errors = ("not_connected", "not_configured", "no_answer", "too_long")
    testable = False
    id = Choice(0, doc="client")
    keep_alive = Int(0, 64800, doc="seconds")
    clean = Choice(0, 1, doc="1: a session without a past")

    async def write(self, ue: Ue, id: int, keep_alive: int, clean: int) -> None:
        client = _client(ue, Link.OPEN)
        product_key, device, secret = ue.settings.get("+CMQALICFG.device")
        if not product_key:
            raise Refusal("not_configured")
        options = client.options
        options.version, options.keep_alive, options.clean, options.will = 4, keep_alive, bool(clean), None
        secured = options.security is not None
        login = credentials.alibaba(product_key, device, secret, device, secured=secured)
        await _introduce(ue, client, *login)


class Cmqsub(CmqCommand):
    """Subscribe to a topic."""

    name, source = "+CMQSUB", MANUAL
    max_response = 60.0
    errors = ("not_connected", "no_answer", "too_long")
    testable = False
    id = Choice(0, doc="client")
    topic = Text(128, min_length=1, doc="topic filter")
    qos = Int(0, 2, doc="quality of service")

    async def write(self, ue: Ue, id: int, topic: str, qos: int) -> None:
        client, packet = _client(ue, Link.CONNECTED), mqtt.Subscribe(_next_id(ue), ((topic, qos),))
        _fits(ue, packet)
        await _done(ue, client.subscribe(packet.packet_id, packet.topics))


class Cmqunsub(CmqCommand):
    """Unsubscribe from a topic."""

    name, source = "+CMQUNSUB", MANUAL
    max_response = 60.0
    errors = ("not_connected", "no_answer", "too_long")
    testable = False
    id = Choice(0, doc="client")
    topic = Text(128, min_length=1, doc="topic filter")

    async def write(self, ue: Ue, id: int, topic: str) -> None:
        client, packet = _client(ue, Link.CONNECTED), mqtt.Unsubscribe(_next_id(ue), (topic,))
        _fits(ue, packet)
        await _done(ue, client.unsubscribe(packet.packet_id, packet.topics))


class Cmqpub(CmqCommand):
    """Publish a message, text or hex digits as AT+CREVHEX says."""

    name, source = "+CMQPUB", MANUAL + "; host programs"
    max_response = 60.0
    errors = ("not_connected", "no_answer", "bad_value", "too_long")
    testable = False
    id = Choice(0, doc="client")
    topic = Text(128, min_length=1, doc="topic")
    qos = Int(0, 2, doc="quality of service")
    retain = Choice(0, 1, doc="1: the server keeps the message")
    dup = Choice(0, 1, doc="1: said to be a repetition")
    length = Int(2, 1000, doc="characters of the message as it is written: of the text, or hex digits")
    message = Text(1000, min_length=1, doc="the message")

    async def write(self, ue: Ue, id: int, topic: str, qos: int, retain: int, dup: int, length: int,
                    message: str) -> None:  # fmt: skip
        payload = _message(ue, length, message)
        client = _client(ue, Link.CONNECTED)
        number = _next_id(ue) if qos else 0
        packet = mqtt.Publish(topic, payload, qos, bool(retain), bool(dup), number)
        _fits(ue, packet)
        await _done(ue, client.publish(packet))


class Cmqdiscon(CmqCommand):
    """Say goodbye and forget the client."""

    name, source = "+CMQDISCON", MANUAL
    errors = ("not_connected",)
    testable = False
    id = Choice(0, doc="client")

    async def write(self, ue: Ue, id: int) -> None:
        client = ue.mqtt.client(CLIENT)
        if client.link is Link.CLOSED:
            raise Refusal("not_connected")
        if client.link is Link.CONNECTED:
            await client.disconnect()
        else:
            client.close()


class Cmqtsync(SettingCommand):
    """When the OK of the other commands comes."""

    name, source = "+CMQTSYNC", MANUAL
    mode = Choice(0, 1, doc="0 when the packet is sent, 1 when the server has answered")
