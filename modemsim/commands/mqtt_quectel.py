"""MQTT of Quectel's modules: the QMT commands. OK comes first, the outcome in a line of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

from modemsim import mqtt
from modemsim.at.command import Command
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_bytes, to_text
from modemsim.at.param import Token
from modemsim.at.params import Address, Choice, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands import ssl_quectel
from modemsim.commands.mqtt_config_quectel import NOTE, bring_into_force, config, has
from modemsim.mqtt import credentials
from modemsim.ue.module import Ue
from modemsim.ue.mqtt_client import Link, MqttClient

GUIDE = "EC800E AEP guide, 4.2.3"
STACK = "AT objects of the vendor's newer stack (EC718); Quectel LTE MQTT manual"
_NAME = Address(100)


def connected(ue: Ue, id: int) -> MqttClient:
    """The client, if it is connected; refuses otherwise."""
    client = ue.mqtt.client(id)
    if client.link is not Link.CONNECTED:
        raise Refusal("not_connected")
    return client


class MqttCommand(Command):
    """Base of a command about an MQTT client."""

    group = "mqtt"


class Qmtopen(MqttCommand):
    """Open the connection of a client to its server."""

    name, source, provenance = "+QMTOPEN", GUIDE, "log"
    max_response = 120.0
    errors = ("bad_value",)
    read_reply = '+QMTOPEN: {id},"{host}",{port}'
    id = Int(0, 5, doc="number of the client")
    host = Text(100, min_length=1, doc="address or name of the server")
    port = Int(1, 65535, doc="port")

    def read(self, ue: Ue) -> Any:
        clients = [(id, ue.mqtt.client(id)) for id in ue.mqtt.known]
        return [
            {"id": id, "host": client.server[0], "port": client.server[1]}
            for id, client in clients
            if client.link is not Link.CLOSED
        ]

    def write(self, ue: Ue, id: int, host: str, port: int) -> None:
        if ue.mqtt.busy(id):
            ue.mqtt.opened(id, "busy")
        elif not _is_host(host):
            ue.mqtt.opened(id, "bad_value")
        else:
            bring_into_force(ue, id)
            secured, context = (*config(ue, "ssl", id), 0)[:2]
            security = ssl_quectel.security(ue, context, host) if secured else None
            ue.mqtt.client(id).options.security = security
            cid = config(ue, "pdpcid", id)[0] if has(ue, "pdpcid") else None
            ue.mqtt.open(id, host, port, None if cid is None else lambda: ue.pdp.activate(cid))


def _is_host(text: str) -> bool:
    try:
        _NAME.parse(Token(text))
    except Refusal:
        return False
    return True


class Qmtclose(MqttCommand):
    """Close the connection of a client."""

    name, source, provenance = "+QMTCLOSE", GUIDE, "log"
    max_response = 30.0
    errors = ("not_open",)
    id = Int(0, 5, doc="number of the client")

    def write(self, ue: Ue, id: int) -> Any:
        if not ue.mqtt.busy(id):
            raise Refusal("not_open")
        ue.mqtt.close(id)
        ue.publish("mqtt.closed", id=id, result=0)


class Qmtconn(MqttCommand):
    """Introduce the client to the server it is open to; a configured cloud fills in what is left out."""

    name, source, provenance = "+QMTCONN", GUIDE, "log"
    max_response = 60.0
    errors = ("not_open", "bad_value")
    read_reply = "+QMTCONN: {id},{state}"
    id = Int(0, 5, doc="number of the client")
    client_id = Text(256, doc="client identifier")
    user = Text(256, default=None, doc="user name")
    password = Text(256, default=None, doc="password, refused without a user name")

    def read(self, ue: Ue) -> Any:
        states = [(id, ue.mqtt.client(id).link) for id in ue.mqtt.known]
        return [{"id": id, "state": int(link)} for id, link in states if link is not Link.CLOSED]

    def write(self, ue: Ue, id: int, client_id: str, user: str | None, password: str | None) -> None:
        if ue.mqtt.client(id).link is not Link.OPEN:
            raise Refusal("not_open")
        if user is None and password is not None:
            raise Refusal("bad_value")  # no CONNECT has the one without the other (MQTT 3.1.1, 3.1.2.9)
        if user is None:
            client_id, user, password = _login(ue, id, client_id)
        ue.mqtt.connect(id, client_id, user, password)


ONENET_VALIDITY = 3600 * 24 * 365
"""Seconds a OneNET token of the module stays valid; nothing tells what the modules take."""


def _login(ue: Ue, id: int, client_id: str) -> tuple[str, str | None, str | None]:
    """What the configured cloud wants to hear, or the client identifier alone."""
    if has(ue, "aliauth") and all(device := config(ue, "aliauth", id)):
        product_key, name, secret = device
        secured = ue.mqtt.client(id).options.security is not None
        return credentials.alibaba(product_key, name, secret, client_id, secured=secured)
    if has(ue, "onenet") and all(product := config(ue, "onenet", id)):
        product_id, access_key = product
        until = int(ue.calendar.now_utc().timestamp()) + ONENET_VALIDITY
        return credentials.onenet(product_id, access_key, client_id, until)
    return client_id, None, None


class Qmtdisc(MqttCommand):
    """Say goodbye to the server; the connection ends with it."""

    name, source, provenance = "+QMTDISC", f"{NOTE}, 3.3.5; {STACK}", "manual"
    max_response = 30.0
    errors = ("not_connected",)
    id = Int(0, 5, doc="number of the client")

    def write(self, ue: Ue, id: int) -> None:
        connected(ue, id)
        ue.spawn(ue.mqtt.disconnect(id))


class Qmtsub(MqttCommand):
    """Subscribe to one topic, or to several."""

    name, source, provenance = "+QMTSUB", GUIDE, "log"
    max_response = 60.0
    errors = ("not_connected", "bad_value", "missing_parameter")
    id = Int(0, 5, doc="number of the client")
    message_id = Int(1, 65535, doc="packet identifier")
    topic = Text(256, min_length=1, doc="topic filter")
    qos = Int(0, 2, doc="quality of service")
    topic2 = Text(256, min_length=1, default=None, doc="second topic filter")
    qos2 = Int(0, 2, default=None, doc="its quality of service")
    topic3 = Text(256, min_length=1, default=None, doc="third topic filter")
    qos3 = Int(0, 2, default=None, doc="its quality of service")
    topic4 = Text(256, min_length=1, default=None, doc="fourth topic filter")
    qos4 = Int(0, 2, default=None, doc="its quality of service")
    topic5 = Text(256, min_length=1, default=None, doc="fifth topic filter")
    qos5 = Int(0, 2, default=None, doc="its quality of service")

    def write(self, ue: Ue, id: int, message_id: int, topic: str, qos: int, **more: Any) -> None:
        connected(ue, id)
        topics = [(topic, qos)]
        for at in (2, 3, 4, 5):
            another, level = more[f"topic{at}"], more[f"qos{at}"]
            if (another is None) is not (level is None):
                raise Refusal("missing_parameter")
            if another is not None:
                topics.append((another, level))
        ue.mqtt.subscribe(id, message_id, tuple(topics))


class Qmtuns(MqttCommand):
    """Unsubscribe from a topic, or from several."""

    name, source, provenance = "+QMTUNS", f"{NOTE}, 3.3.7; {STACK}", "manual"
    max_response = 60.0
    errors = ("not_connected",)
    id = Int(0, 5, doc="number of the client")
    message_id = Int(1, 65535, doc="packet identifier")
    topic = Text(256, min_length=1, doc="topic filter")
    topic2 = Text(256, min_length=1, default=None, doc="second topic filter")
    topic3 = Text(256, min_length=1, default=None, doc="third topic filter")
    topic4 = Text(256, min_length=1, default=None, doc="fourth topic filter")
    topic5 = Text(256, min_length=1, default=None, doc="fifth topic filter")

    def write(self, ue: Ue, id: int, message_id: int, topic: str, **more: str | None) -> None:
        connected(ue, id)
        others = tuple(name for name in more.values() if name is not None)
        ue.mqtt.unsubscribe(id, message_id, (topic, *others))


class Publishing(MqttCommand):
    """Base of the commands that publish a message, given in the line or behind a prompt."""

    max_response = 60.0
    errors: ClassVar[tuple[str, ...]] = ("not_connected", "bad_value", "too_long", "in_flight", "aborted")
    id = Int(0, 5, doc="number of the client")
    message_id = Int(0, 65535, doc="packet identifier; 0 with QoS 0 only")
    qos = Int(0, 2, doc="quality of service")
    retain = Choice(0, 1, doc="1: the server keeps the message")
    topic = Text(256, min_length=1, doc="topic")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A client that cannot publish is refused before the prompt."""
        self._ready(ue, values)
        return self.data_mode and _prompting(ue, values["id"], self.data_mode)

    def _ready(self, ue: Ue, values: Mapping[str, Any]) -> None:
        client = connected(ue, values["id"])
        if values["qos"] and not values["message_id"]:
            raise Refusal("bad_value")
        most = ue.profile.mqtt.in_flight
        full = most is not None and len(client.in_flight) >= most
        if values["qos"] and (full or values["message_id"] in client.in_flight):
            raise Refusal("in_flight")

    def _publish(self, ue: Ue, id: int, payload: bytes, extended: bool, **said: Any) -> None:
        connected(ue, id)
        number, topic = said["message_id"], said["topic"]
        message = mqtt.Publish(topic, payload, said["qos"], bool(said["retain"]), packet_id=number)
        most = ue.profile.mqtt.publish
        if most is not None and len(mqtt.encode(message, mqtt.OCTETS)) > most:
            raise Refusal("too_long")
        ue.mqtt.send(id, message, extended=extended)


def _prompting(ue: Ue, id: int, mode: DataMode) -> DataMode:
    """The data mode as the host has configured it: echoed or not, text or hex digits, how long it waits."""
    echo = config(ue, "echomode", id)[0] or config(ue, "view/mode", id)[0]
    changes: dict[str, Any] = {"echo": bool(echo)}
    if config(ue, "dataformat", id)[0]:
        changes["width"] = 2
    if has(ue, "edit/timeout"):
        limited, seconds = config(ue, "edit/timeout", id)
        changes["timeout"] = float(seconds) if limited else None
    return dataclasses.replace(mode, **changes)


def payload(ue: Ue, id: int, given: bytes) -> bytes:
    """The message in what the host gave, text or hex digits as configured."""
    if not config(ue, "dataformat", id)[0]:
        return given
    try:
        return bytes.fromhex(to_text(given))
    except ValueError:
        raise Refusal("bad_value") from None


class LengthOrMessage(Raw):
    """Digits without quotes are the length of the message that follows; all else is the message itself."""

    def parse(self, token: Token) -> Any:
        """The length as a number, or the message."""
        text = super().parse(token)
        if token.quoted or not text.isascii() or not text.lstrip("+-").isdigit():
            return text
        if not text.isdigit():
            raise Refusal(self.bad)
        return int(text)


INLINE = 1349
"""Bytes of a message in the command line."""
PROMPTED = 1460
"""Bytes of a message behind the prompt, or hex digits."""


class Qmtpub(Publishing):
    """Publish a message given in the command, or behind the prompt: that many bytes, or up to Ctrl-Z."""

    name, source, provenance = "+QMTPUB", f"{NOTE}, 3.3.8; host programs for the BC260Y", "manual"
    errors = (*Publishing.errors, "length_mismatch")
    data_mode = DataMode(length="length", max_bytes=PROMPTED, drop_excess=True, timeout="data_input")
    length = LengthOrMessage(INLINE, default=None, doc="bytes of the message, or the message itself")
    message = Raw(2 * INLINE, default=None, doc="the message, as long as said before")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """No prompt for a message that stands in the line."""
        mode = super().data_input(ue, values)
        length, hexed = values["length"], config(ue, "dataformat", values["id"])[0]
        if isinstance(length, int) and length > (PROMPTED // 2 if hexed else PROMPTED):
            raise Refusal("too_long")
        return None if isinstance(length, str) or values["message"] is not None else mode

    def write(self, ue: Ue, id: int, length: int | str | None, message: str | None, data: bytes | None,
              **said: Any) -> None:  # fmt: skip
        if isinstance(length, str) and message is not None:
            raise Refusal("bad_value")
        inline = length if isinstance(length, str) else message
        raw = payload(ue, id, (data or b"") if inline is None else to_bytes(inline))
        if len(raw) > INLINE and inline is not None:
            raise Refusal("too_long")
        if isinstance(length, int) and len(raw) != length:
            raise Refusal("length_mismatch")
        self._publish(ue, id, raw, extended=False, **said)
