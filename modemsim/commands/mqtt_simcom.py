"""MQTT of the SIM7020 series: the CMQ commands. OK comes with the outcome, or when the packet is sent."""

from __future__ import annotations

import re
from typing import Any

from modemsim import mqtt
from modemsim.at.command import Command
from modemsim.at.params import Address, Choice, Hex, Int, Text, Token
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.commands.settings import SettingCommand
from modemsim.net.tls_settings import TlsSettings
from modemsim.ue.module import Ue
from modemsim.ue.mqtt_client import Link, MqttClient

MANUAL = "SIM7020 AT manual 1.05, 11; MQTT note 1.05"
CLIENT = 0
"""The only number a client can have."""
_WILL = re.compile(
    r"topic=(?P<topic>[^,]*),QoS=(?P<qos>[0-2]),retained=(?P<retained>[01]),message_len=\d+,message=(?P<message>.*)",
    re.IGNORECASE,
)


class WillText(Text):
    """A will as one string: topic=..,QoS=..,retained=..,message_len=..,message=.. ."""

    def parse(self, token: Token) -> mqtt.Will:
        """The will; raises `Refusal` for a string that is none."""
        found = _WILL.fullmatch(super().parse(token))
        if found is None:
            raise Refusal(self.bad)
        payload = found["message"].encode("latin-1")
        return mqtt.Will(found["topic"], payload, int(found["qos"]), found["retained"] == "1")


class PortText(Text):
    """A port as a string of digits."""

    def parse(self, token: Token) -> int:
        """The port; raises `Refusal` for what is none."""
        text = super().parse(token)
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
            raise Refusal(self.bad)
        return int(text)


class CmqCommand(Command):
    """Base of a command about the MQTT client; refusals are a plain ERROR."""

    group = "sockets"


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
    needs, errors = (needs.bearer,), ("no_bearer", "not_allowed", "connect_failed")
    write_reply = "+CMQNEW: {id}"
    host = Address(50, doc="address or name of the server")
    port = PortText(5, doc="port, as a string")
    timeout = Int(0, 60000, doc="milliseconds to wait for an answer")
    buffer = Int(20, 1132, doc="size of the buffers in bytes; packets are not limited by it here")
    cid = Int(0, 10, default=1, doc="bearer; there is one here")

    def read(self, ue: Ue) -> str:
        client = ue.mqtt.client(CLIENT)
        made = client.link is not Link.CLOSED
        return f"{self.name}: {CLIENT},{int(made)},{client.server[0] if made else 'null'}"

    async def write(self, ue: Ue, host: str, port: int, timeout: int, buffer: int, cid: int) -> Any:
        if ue.mqtt.busy(CLIENT):
            raise Refusal("not_allowed")
        client = ue.mqtt.client(CLIENT)
        client.options.timeout = max(1, timeout // 1000)
        client.options.retries = 0
        client.options.security = self.security(ue)
        if await client.open(host, port) != "ok":
            raise Refusal("connect_failed")
        return {"id": CLIENT}

    def security(self, ue: Ue) -> TlsSettings | None:
        """How the connection is secured: not at all."""
        return None


class Cmqcon(CmqCommand):
    """Introduce the client to the server."""

    name, source = "+CMQCON", MANUAL
    max_response = 60.0
    errors = ("not_connected", "no_answer", "bad_value")
    testable = False
    id = Choice(0, doc="client")
    version = Choice(3, 4, doc="3 MQTT 3.1, 4 MQTT 3.1.1")
    client_id = Text(120, doc="client identifier")
    keep_alive = Int(0, 64800, doc="seconds")
    clean = Choice(0, 1, doc="1: a session without a past")
    will_flag = Choice(0, 1, doc="1: the will follows")
    will = WillText(1200, default=None, doc="the will as one string")
    user = Text(100, default=None, doc="user name")
    password = Text(100, default=None, doc="password")

    async def write(self, ue: Ue, id: int, version: int, client_id: str, keep_alive: int, clean: int,
                    will_flag: int, will: mqtt.Will | None, user: str | None,
                    password: str | None) -> None:  # fmt: skip
        if bool(will_flag) != (will is not None):
            raise Refusal("bad_value")
        client = _client(ue, Link.OPEN)
        options = client.options
        options.version, options.keep_alive, options.clean, options.will = (
            version,
            keep_alive,
            bool(clean),
            will,
        )
        outcome = await client.connect(client_id, user, password)
        if outcome.codes != (0,):
            client.drop()
            raise Refusal("no_answer")


class Cmqsub(CmqCommand):
    """Subscribe to a topic."""

    name, source = "+CMQSUB", MANUAL
    max_response = 60.0
    errors = ("not_connected", "no_answer")
    testable = False
    id = Choice(0, doc="client")
    topic = Text(128, min_length=1, doc="topic filter")
    qos = Int(0, 2, doc="quality of service")

    async def write(self, ue: Ue, id: int, topic: str, qos: int) -> None:
        await _done(ue, _client(ue, Link.CONNECTED).subscribe(_next_id(ue), ((topic, qos),)))


class Cmqunsub(CmqCommand):
    """Unsubscribe from a topic."""

    name, source = "+CMQUNSUB", MANUAL
    max_response = 60.0
    errors = ("not_connected", "no_answer")
    testable = False
    id = Choice(0, doc="client")
    topic = Text(128, min_length=1, doc="topic filter")

    async def write(self, ue: Ue, id: int, topic: str) -> None:
        await _done(ue, _client(ue, Link.CONNECTED).unsubscribe(_next_id(ue), (topic,)))


class Cmqpub(CmqCommand):
    """Publish a message given as hex digits."""

    name, source = "+CMQPUB", MANUAL
    max_response = 60.0
    errors = ("not_connected", "no_answer", "bad_value")
    testable = False
    id = Choice(0, doc="client")
    topic = Text(128, min_length=1, doc="topic")
    qos = Int(0, 2, doc="quality of service")
    retain = Choice(0, 1, doc="1: the server keeps the message")
    dup = Choice(0, 1, doc="1: said to be a repetition")
    length = Int(2, 1000, doc="number of hex digits")
    message = Hex(500, min_bytes=1, quoted=True, doc="the message as hex digits")

    async def write(self, ue: Ue, id: int, topic: str, qos: int, retain: int, dup: int, length: int,
                    message: bytes) -> None:  # fmt: skip
        if length != 2 * len(message):
            raise Refusal("bad_value")
        client = _client(ue, Link.CONNECTED)
        number = _next_id(ue) if qos else 0
        await _done(ue, client.publish(mqtt.Publish(topic, message, qos, bool(retain), bool(dup), number)))


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
        await client.disconnect()


class Cmqtsync(SettingCommand):
    """When the OK of the other commands comes."""

    name, source = "+CMQTSYNC", MANUAL
    mode = Choice(0, 1, doc="0 when the packet is sent, 1 when the server has answered")
