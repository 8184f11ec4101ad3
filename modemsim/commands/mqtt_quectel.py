"""MQTT of Quectel's modules: the QMT commands. OK comes first, the outcome in a line of its own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from modemsim import mqtt
from modemsim.at.command import Command
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_bytes
from modemsim.at.params import Address, Choice, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands import ssl_quectel
from modemsim.ue.module import Ue
from modemsim.ue.mqtt_client import Link, MqttClient

GUIDE = "EC800E AEP guide, 4.2.3"
STACK = "AT objects of the vendor's newer stack (EC718); Quectel LTE MQTT manual"


def _connected(ue: Ue, id: int) -> MqttClient:
    """The client, if it is connected; refuses otherwise."""
    client = ue.mqtt.client(id)
    if client.link is not Link.CONNECTED:
        raise Refusal("not_connected")
    return client


class MqttCommand(Command):
    """Base of a command about an MQTT client."""

    group = "mqtt"


class Qmtcfg(MqttCommand):
    """Tell and set how a client works, by the name of the item; what is set counts from the next opening."""

    name, source, provenance = "+QMTCFG", GUIDE + "; " + STACK, "log"
    errors = ("unknown_item", "bad_value", "missing_parameter")
    item = Text(32, doc="name of the item")
    id = Int(0, 5, doc="number of the client")
    first = Raw(256, default=None, doc="new value; without it the value is told")
    second = Raw(256, default=None, doc="its second part")
    third = Raw(256, default=None, doc="its third part")
    fourth = Raw(256, default=None, doc="its fourth part: topic of a will")
    fifth = Raw(256, default=None, doc="its fifth part: message of a will")

    ITEMS: Mapping[str, tuple[tuple[int, int], ...]] = {
        "version": ((3, 4),),
        "pdpcid": ((1, 15),),
        "ssl": ((0, 1), (0, 5)),
        "keepalive": ((0, 3600),),
        "session": ((0, 1),),
        "timeout": ((1, 60), (1, 10), (0, 1)),
        "will": ((0, 1), (0, 2), (0, 1)),
        "recv/mode": ((0, 1), (0, 1)),
        "echomode": ((0, 1),),
    }
    """Name -> the range of each of its values."""

    def test(self, ue: Ue) -> list[str]:
        return [
            f'+QMTCFG: "{item}",(0-5),' + ",".join(f"({low}-{high})" for low, high in self.ITEMS[item])
            for item in self._items(ue)
        ]

    def write(self, ue: Ue, item: str, id: int, **given: str | None) -> Any:
        known = next((name for name in self._items(ue) if name.lower() == item.lower()), None)
        if known is None:
            raise Refusal("unknown_item")
        texts = [value for value in given.values() if value is not None]
        if not texts:
            return f'+QMTCFG: "{known}",' + ",".join(map(str, config(ue, known, id)))
        ranges = self.ITEMS[known]
        values: list[Any] = [_within(text, *limits) for text, limits in zip(texts, ranges, strict=False)]
        if known == "will" and values[0]:
            if len(texts) != len(ranges) + 2:
                raise Refusal("missing_parameter")
            values += texts[len(ranges) :]
        kept = config(ue, known, id)
        everything = {**ue.settings.get(f"+QMTCFG.{known}"), str(id): values + kept[len(values) :]}
        ue.settings.set(f"+QMTCFG.{known}", everything)
        return None

    def _items(self, ue: Ue) -> list[str]:
        return [name for name in self.ITEMS if f"+QMTCFG.{name}" in ue.settings]


def _within(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise Refusal("bad_value")
    return int(text)


def config(ue: Ue, item: str, id: int) -> list[Any]:
    """The values of an item for one client: the host's, else the factory's under the key "default".

    A module without the item has it off.
    """
    kept = ue.settings.get(f"+QMTCFG.{item}") or {"default": [0, 0, 0]}
    return list(kept.get(str(id), kept["default"]))


def _options(ue: Ue, id: int, client: MqttClient) -> None:
    """Bring what the host configured into force."""
    options = client.options
    options.version = config(ue, "version", id)[0]
    options.keep_alive = config(ue, "keepalive", id)[0]
    options.clean = bool(config(ue, "session", id)[0])
    options.timeout, options.retries, notice = config(ue, "timeout", id)
    options.notice = bool(notice)
    will = config(ue, "will", id)
    options.will = mqtt.Will(will[3], will[4].encode("latin-1"), will[1], bool(will[2])) if will[0] else None


class Qmtopen(MqttCommand):
    """Open the connection of a client to its server."""

    name, source, provenance = "+QMTOPEN", GUIDE, "log"
    max_response = 120.0
    errors = ("busy_client",)
    read_reply = '+QMTOPEN: {id},"{host}",{port}'
    id = Int(0, 5, doc="number of the client")
    host = Address(100, doc="address or name of the server")
    port = Int(1, 65535, doc="port")

    def read(self, ue: Ue) -> Any:
        clients = [(id, ue.mqtt.client(id)) for id in range(6)]
        return [
            {"id": id, "host": client.server[0], "port": client.server[1]}
            for id, client in clients
            if client.link is not Link.CLOSED
        ]

    def write(self, ue: Ue, id: int, host: str, port: int) -> None:
        if ue.mqtt.busy(id):
            ue.publish("mqtt.opened", id=id, result=ue.profile.mqtt.numbers["busy"])
            return
        _options(ue, id, ue.mqtt.client(id))
        secured, context = (*config(ue, "ssl", id), 0)[:2]
        security = ssl_quectel.security(ue, context, host) if secured else None
        ue.mqtt.client(id).options.security = security
        buffered, with_length = config(ue, "recv/mode", id)[:2]
        ue.mqtt.receive(id, buffered=bool(buffered), with_length=bool(with_length))
        ue.mqtt.open(id, host, port)


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
    """Introduce the client to the server it is open to."""

    name, source, provenance = "+QMTCONN", GUIDE, "log"
    max_response = 60.0
    errors = ("not_open",)
    read_reply = "+QMTCONN: {id},{state}"
    id = Int(0, 5, doc="number of the client")
    client_id = Text(256, doc="client identifier")
    user = Text(256, default=None, doc="user name")
    password = Text(256, default=None, doc="password")

    def read(self, ue: Ue) -> Any:
        states = [(id, ue.mqtt.client(id).link) for id in range(6)]
        return [{"id": id, "state": int(link)} for id, link in states if link is not Link.CLOSED]

    def write(self, ue: Ue, id: int, client_id: str, user: str | None, password: str | None) -> None:
        if ue.mqtt.client(id).link is not Link.OPEN:
            raise Refusal("not_open")
        ue.mqtt.connect(id, client_id, user, password)


class Qmtdisc(MqttCommand):
    """Say goodbye to the server; the connection ends with it."""

    name, source, provenance = "+QMTDISC", STACK, "inferred"
    max_response = 30.0
    errors = ("not_connected",)
    id = Int(0, 5, doc="number of the client")

    def write(self, ue: Ue, id: int) -> None:
        _connected(ue, id)
        ue.spawn(ue.mqtt.disconnect(id))


class Qmtsub(MqttCommand):
    """Subscribe to one topic, or to several."""

    name, source, provenance = "+QMTSUB", GUIDE, "log"
    max_response = 60.0
    errors = ("not_connected", "bad_value")
    id = Int(0, 5, doc="number of the client")
    message_id = Int(1, 65535, doc="packet identifier")
    topic = Text(256, min_length=1, doc="topic filter")
    qos = Int(0, 2, doc="quality of service")
    topic2 = Text(256, default=None, doc="second topic filter")
    qos2 = Int(0, 2, default=0, doc="its quality of service")
    topic3 = Text(256, default=None, doc="third topic filter")
    qos3 = Int(0, 2, default=0, doc="its quality of service")

    def write(self, ue: Ue, id: int, message_id: int, topic: str, qos: int, **more: Any) -> None:
        _connected(ue, id)
        topics = [(topic, qos)]
        topics += [(more[f"topic{at}"], more[f"qos{at}"]) for at in (2, 3) if more[f"topic{at}"] is not None]
        ue.mqtt.subscribe(id, message_id, tuple(topics))


class Qmtuns(MqttCommand):
    """Unsubscribe from a topic, or from two."""

    name, source, provenance = "+QMTUNS", STACK, "inferred"
    max_response = 60.0
    errors = ("not_connected",)
    id = Int(0, 5, doc="number of the client")
    message_id = Int(1, 65535, doc="packet identifier")
    topic = Text(256, min_length=1, doc="topic filter")
    topic2 = Text(256, default=None, doc="second topic filter")

    def write(self, ue: Ue, id: int, message_id: int, topic: str, topic2: str | None) -> None:
        _connected(ue, id)
        ue.mqtt.unsubscribe(id, message_id, (topic,) if topic2 is None else (topic, topic2))


class Publishing(MqttCommand):
    """Base of the commands that publish a message."""

    max_response = 60.0
    errors = ("not_connected", "bad_value", "aborted")
    id = Int(0, 5, doc="number of the client")
    message_id = Int(0, 65535, doc="packet identifier; 0 with QoS 0 and only there")
    qos = Int(0, 2, doc="quality of service")
    retain = Choice(0, 1, doc="1: the server keeps the message")
    topic = Text(256, min_length=1, doc="topic")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A client that cannot publish is refused before the prompt."""
        _connected(ue, values["id"])
        if (values["qos"] == 0) != (values["message_id"] == 0):
            raise Refusal("bad_value")
        if self.data_mode is None or values.get("message") is not None:
            return None
        return dataclasses.replace(self.data_mode, echo=bool(config(ue, "echomode", values["id"])[0]))

    def _publish(self, ue: Ue, id: int, payload: bytes, extended: bool, **said: Any) -> None:
        _connected(ue, id)
        message = mqtt.Publish(
            said["topic"], payload, said["qos"], bool(said["retain"]), packet_id=said["message_id"]
        )
        ue.mqtt.send(id, message, extended=extended)


class Qmtpub(Publishing):
    """Publish a message given in the command, or behind the prompt up to Ctrl-Z."""

    name, source, provenance = "+QMTPUB", STACK, "inferred"
    data_mode = DataMode(max_bytes=1460, timeout="data_input")
    message = Raw(1460, default=None, doc="the message; without it the module prompts")

    def write(self, ue: Ue, id: int, message: str | None, data: bytes | None, **said: Any) -> None:
        payload = to_bytes(message) if message is not None else data or b""
        self._publish(ue, id, payload, extended=False, **said)


class Qmtpubex(Publishing):
    """Publish a message of a given length behind the prompt."""

    name, source, provenance = "+QMTPUBEX", GUIDE, "log"
    data_mode = DataMode(length="length", max_bytes=1460, timeout="data_input")
    length = Int(1, 1460, doc="bytes of the message")

    def write(self, ue: Ue, id: int, length: int, data: bytes, **said: Any) -> None:
        self._publish(ue, id, data, extended=True, **said)


class Qmtrecv(MqttCommand):
    """Read a message that waits, or tell which places hold one."""

    name, source, provenance = "+QMTRECV", STACK, "inferred"
    testable = False
    read_reply = "+QMTRECV: {id},{places}"
    write_reply = '+QMTRECV: {id},{message_id},"{topic}",{length},"{text}"'
    id = Int(0, 5, doc="number of the client")
    place = Int(0, 4, default=0, doc="place; the oldest message is read first")

    def read(self, ue: Ue) -> Any:
        places = [(id, ue.mqtt.stored(id)) for id in range(6) if ue.mqtt.busy(id)]
        return [{"id": id, "places": ",".join(map(str, held))} for id, held in places]

    def write(self, ue: Ue, id: int, place: int) -> Any:
        message = ue.mqtt.take(id)
        return message and ue.mqtt.fields(id, message)
