"""MQTT of the EC800E: what its QMT commands have beyond those of Quectel's NB-IoT modules."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from modemsim.at.data_mode import DataMode
from modemsim.at.params import Choice, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import mqtt_config_quectel
from modemsim.commands.mqtt_config_quectel import Item, config
from modemsim.commands.mqtt_quectel import GUIDE, STACK, MqttCommand, Publishing, payload
from modemsim.mqtt import credentials
from modemsim.ue.module import Ue

COMMON = mqtt_config_quectel.Qmtcfg.ITEMS
SIBLINGS = "log of an EC600S; EG800K MQTT test plan"


def _quoted(name: str, most: int, least: int = 0) -> Text:
    """A text that `=?` shows as its name in quotes."""
    return Text(most, min_length=least, supported=f'"{name}"')


class Qmtcfg(mqtt_config_quectel.Qmtcfg):
    """Tell and set how a client works, by the name of the item; connection items only while it is closed."""

    name, source, provenance = "+QMTCFG", f"{GUIDE}; {STACK}; {SIBLINGS}", "log"
    id = Int(0, 60, default=None, doc="number of the client, 0 to 5; of close/time the value itself")

    ITEMS: Mapping[str, Item] = {
        "version": COMMON["version"],
        "pdpcid": Item((Int(1, 15),), "context that carries the connection; it is activated where it is not"),
        "ssl": Item((Choice(0, 1), Int(0, 5)), "0 plain TCP, 1 TLS; then the context of AT+QSSLCFG"),
        "keepalive": COMMON["keepalive"],
        "session": COMMON["session"],
        "timeout": dataclasses.replace(COMMON["timeout"], values=(Int(1, 60), Int(1, 10), Choice(0, 1))),
        "will": dataclasses.replace(
            COMMON["will"],
            values=(
                *COMMON["will"].values[:3],
                _quoted("willtopic", 256, 1), _quoted("willmessage", 256, 1),
            ),
        ),
        "recv/mode": Item(
            (Choice(0, 1), Choice(0, 1)),
            "messages 0 in lines of their own, 1 kept until they are read; whether their length is shown",
            live=True,
        ),
        "send/mode": Item(
            (Choice(0, 1),), "sent messages: 0 text, 1 hex digits", live=True, alias=("dataformat", 0)
        ),
        "onenet": Item(
            (_quoted("product id", 64), _quoted("access key", 128)),
            "product of OneNET, for whose devices AT+QMTCONN computes the token", least=2,
        ),
        "aliauth": dataclasses.replace(
            COMMON["aliauth"],
            values=(_quoted("product key", 64), _quoted("device name", 64), _quoted("device secret", 64)),
        ),
        "qmtping": Item((Int(5, 60),), "seconds until a ping without answer is repeated", live=True),
        "dataformat": COMMON["dataformat"],
        "view/mode": Item((Choice(0, 1),), "1: the data behind the prompt is echoed", live=True),
        "edit/timeout": Item(
            (Choice(0, 1), Int(1, 120)), "whether the prompt gives up, after how many seconds", live=True
        ),
        "recv/urcmax": Item((Int(1, 10240),), "bytes; a longer message waits to be read", live=True),
        "pub/maxlen": Item((Int(1, 20480),), "bytes of the longest message of AT+QMTPUBEX", live=True),
        "close/time": Item(
            (Int(5, 60),), "most seconds that closing takes when the server is silent to pings", live=True,
            per_client=False,
        ),
    }  # fmt: skip

    def checked(self, name: str, values: Sequence[Any]) -> None:
        """An access key is Base64."""
        if name == "onenet" and values[1] and not credentials.is_access_key(values[1]):
            raise Refusal("bad_value")


class Qmtpubex(Publishing):
    """Publish a message of a given length behind the prompt."""

    name, source, provenance = "+QMTPUBEX", GUIDE, "log"
    errors = (*Publishing.errors, "over_64k")
    data_mode = DataMode(length="length", max_bytes=1460, timeout="data_input")
    length = Int(1, 65535, high="over_64k", doc='bytes of the message; "pub/maxlen" says how many at most')

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A message longer than the host has allowed is refused before the prompt."""
        mode = super().data_input(ue, values)
        if values["length"] > config(ue, "pub/maxlen", values["id"])[0]:
            raise Refusal("too_long")
        return mode

    def write(self, ue: Ue, id: int, length: int, data: bytes, **said: Any) -> None:
        self._publish(ue, id, payload(ue, id, data), extended=True, **said)


class Qmtrecv(MqttCommand):
    """Read messages that wait, of one place or of all; tell which places hold one."""

    name, source, provenance = "+QMTRECV", f"{STACK}; {SIBLINGS}", "manual"
    testable = False
    read_reply = "+QMTRECV: {id},{places}"
    write_reply = '+QMTRECV: {id},{message_id},"{topic}"[,{shown_length}],"{text}"'
    id = Int(0, 5, doc="number of the client")
    place = Int(0, 4, default=None, doc="place; without it all are read, and freed")

    def read(self, ue: Ue) -> Any:
        places = [(id, ue.mqtt.inbox(id).taken()) for id in ue.mqtt.known]
        return [
            {"id": id, "places": ",".join(map(str, taken))}
            for id, taken in places
            if ue.mqtt.busy(id) or any(taken)
        ]

    def write(self, ue: Ue, id: int, place: int | None) -> Any:
        inbox = ue.mqtt.inbox(id)
        places = range(len(inbox.taken())) if place is None else (place,)
        messages = [inbox.take(place) for place in places]
        return [ue.mqtt.fields(id, message) for message in messages if message is not None]
