"""MQTT of Quectel's modules: AT+QMTCFG and its items, what each takes, when it may change, what it does."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modemsim import mqtt
from modemsim.at.command import Command, CommandDoc
from modemsim.at.params import Choice, Int, Param, Raw, Text, Token
from modemsim.at.result import Refusal
from modemsim.ue.module import Ue

NOTE = "BC660K-GL MQTT note 1.2"
PREFIX = "+QMTCFG."
SHARED = "default"
"""Key of the values that hold for every client whose own were not set."""
LEVELS_FROM_0 = "mqtt_versions_from_0"
"""Quirk: "version" counts from 0 (MQTT 3.1) and not as the protocol does, from 3."""


@dataclass(frozen=True)
class Item:
    """One item of AT+QMTCFG: its values, and what it does.

    `least`: how many values must be given to set it. `live`: whether it may change while the client is open.
    `per_client`: False for an item of the whole module. `alias`: item and index of the value that this is
    another name of. `off`: whether a first value of 0 needs no others.
    """

    values: tuple[Param, ...]
    doc: str
    least: int = 1
    live: bool = False
    per_client: bool = True
    alias: tuple[str, int] | None = None
    off: bool = False

    def parse(self, texts: Sequence[str | None], kept: Sequence[Any]) -> list[Any]:
        """The new values for what the host wrote; what it left out stays. Raises Refusal."""
        given = max((at for at, text in enumerate(texts, 1) if text is not None), default=0)
        if given > len(self.values):
            raise Refusal("surplus_parameter")
        values = [*kept, *[None] * (len(self.values) - len(kept))]
        for at, (param, text) in enumerate(zip(self.values, texts, strict=False)):
            if text is not None:
                values[at] = param.parse(Token(text))
            if self.off and values[0] == 0:
                return [0]
        if given < self.least:
            raise Refusal("missing_parameter")
        return values

    def shown(self, values: Sequence[Any]) -> str | None:
        """The values as AT+QMTCFG tells them; None for texts that nobody has set."""
        if self.off and values[0] == 0:
            return "0"
        if not any(value not in ("", None) for value in values):
            return None
        return ",".join(param.render(value) for param, value in zip(self.values, values, strict=False))

    def tested(self, clients: str = "<client>", ranges: str | None = None) -> str:
        """What `=?` answers behind the name: range of the clients, ranges of the values."""
        values = ",".join(param.supported() for param in self.values) if ranges is None else ranges
        return f"{clients},{values}" if self.per_client else values


def key(items: Mapping[str, Item], name: str) -> str:
    """The setting that keeps an item's values."""
    alias = items[name].alias
    return PREFIX + (name if alias is None else alias[0])


def config(ue: Ue, item: str, id: int) -> list[Any]:
    """The values of an item for one client, the host's or the factory's; a module without it has it off."""
    kept = ue.settings.get(PREFIX + item) or {SHARED: [0, 0, 0]}
    return list(kept.get(str(id), kept[SHARED]))


def keep(ue: Ue, item: str, id: int | None, values: list[Any]) -> None:
    """Remember the values of an item for one client, or with None for all."""
    kept = ue.settings.get(PREFIX + item)
    ue.settings.set(PREFIX + item, {**kept, SHARED if id is None else str(id): values})


def has(ue: Ue, item: str) -> bool:
    """Whether this module has the item."""
    return PREFIX + item in ue.settings


def bring_into_force(ue: Ue, id: int) -> None:
    """Give a client what the host has configured for it."""
    client = ue.mqtt.client(id)
    options = client.options
    options.version = config(ue, "version", id)[0]
    options.keep_alive = config(ue, "keepalive", id)[0]
    options.clean = bool(config(ue, "session", id)[0])
    options.timeout, options.retries, notice = config(ue, "timeout", id)
    options.notice = bool(notice)
    will = config(ue, "will", id)
    options.will = mqtt.Will(will[3], will[4].encode("latin-1"), will[1], bool(will[2])) if will[0] else None
    options.ping_wait = config(ue, "qmtping", id)[0] if has(ue, "qmtping") else None
    options.close_wait = float(config(ue, "close/time", id)[0])
    options.server_closes = ue.quirk("server_closes_first")
    options.repeat_connect = ue.quirk("connect_repeated")
    reception = ue.mqtt.reception(id)
    reception.buffered, with_length = (bool(value) for value in config(ue, "recv/mode", id)[:2])
    reception.with_length = with_length or bool(config(ue, "showrecvlen", id)[0])
    reception.as_hex = bool(config(ue, "dataformat", id)[1])
    reception.line_limit = config(ue, "recv/urcmax", id)[0] if has(ue, "recv/urcmax") else None


class Qmtcfg(Command):
    """Tell and set how a client works, by the name of the item; connection items only while it is closed."""

    name, source, provenance, group = "+QMTCFG", f"{NOTE}, 3.3.1", "manual", "mqtt"
    errors = ("unknown_item", "bad_value", "missing_parameter", "surplus_parameter", "client_open")
    item = Text(32, doc="name of the item")
    id = Int(0, 5, default=None, doc="number of the client")
    first = Raw(256, default=None, doc="new value; without any the values are told")
    second = Raw(256, default=None, doc="its second part")
    third = Raw(256, default=None, doc="its third part")
    fourth = Raw(256, default=None, doc="its fourth part: topic of a will")
    fifth = Raw(256, default=None, doc="its fifth part: message of a will")

    ITEMS: Mapping[str, Item] = {
        "will": Item(
            (
                Choice(0, 1), Int(0, 2), Choice(0, 1),
                Text(256, min_length=1, supported="<will_topic>"),
                Text(256, min_length=1, supported="<will_msg>"),
            ),
            "whether the server tells that the client went without a word: QoS, retained, topic, message",
            least=5, off=True,
        ),
        "timeout": Item(
            (Int(1, 60), Int(0, 10), Choice(0, 1)),
            "seconds until a packet is repeated, how often, whether the host is told", live=True,
        ),
        "session": Item((Choice(0, 1),), "1: the server starts afresh, 0: it keeps the session"),
        "keepalive": Item((Int(0, 3600),), "seconds of silence after which the server is pinged; 0: never"),
        "aliauth": Item(
            (
                Text(64, supported="<product_key>"),
                Text(64, supported="<device_name>"),
                Text(64, supported="<device_secret>"),
            ),
            "device of Alibaba Cloud, whose login AT+QMTCONN computes", least=3,
        ),
        "version": Item((Choice(3, 4),), "3: MQTT 3.1, 4: MQTT 3.1.1"),
        "showrecvlen": Item((Choice(0, 1),), "1: messages are shown with their length", live=True),
        "echomode": Item((Choice(0, 1),), "1: the data behind the prompt is echoed", live=True),
        "dataformat": Item(
            (Choice(0, 1), Choice(0, 1)),
            "sent and received messages: 0 text, 1 hex digits", least=2, live=True,
        ),
    }  # fmt: skip
    """Name -> what it takes; a module has those whose settings its profile lists."""

    def test(self, ue: Ue) -> list[str]:
        return [self._tested(ue, name) for name in self._items(ue)]

    def _tested(self, ue: Ue, name: str) -> str:
        ranges = "(0,1)" if name == "version" and ue.quirk(LEVELS_FROM_0) else None
        return f'+QMTCFG: "{name}",{self.ITEMS[name].tested(f"(0-{ue.mqtt.last})", ranges)}'

    def write(self, ue: Ue, item: str, id: int | None, **given: str | None) -> Any:
        name = next((name for name in self._items(ue) if name.lower() == item.lower()), None)
        if name is None:
            raise Refusal("unknown_item")
        texts = list(given.values())
        if not self.ITEMS[name].per_client:
            texts, id = [None if id is None else str(id), *texts], None
        elif id is None:
            raise Refusal("missing_parameter")
        elif id > ue.mqtt.last:
            raise Refusal("bad_value")
        if all(text is None for text in texts):
            return self._told(ue, name, id)
        self._set(ue, name, id, texts)
        return None

    def _told(self, ue: Ue, name: str, id: int | None) -> str | None:
        shown = self.ITEMS[name].shown(self._spelled(ue, name, self._values(ue, name, id)))
        return None if shown is None else f'+QMTCFG: "{name}",{shown}'

    def _set(self, ue: Ue, name: str, id: int | None, texts: Sequence[str | None]) -> None:
        item = self.ITEMS[name]
        clients = range(ue.mqtt.last + 1) if id is None else (id,)
        if not item.live and any(map(ue.mqtt.busy, clients)):
            raise Refusal("client_open")
        if name == "version" and ue.quirk(LEVELS_FROM_0):
            texts = [_moved(texts[0], 3), *texts[1:]]
        values = item.parse(texts, self._values(ue, name, id))
        self.checked(name, values)
        if item.alias is not None:
            name, at = item.alias
            whole = config(ue, name, -1 if id is None else id)
            values = [*whole[:at], *values, *whole[at + 1 :]]
        keep(ue, name, id, values)
        for client in clients:
            if item.live and ue.mqtt.busy(client):
                bring_into_force(ue, client)

    def describe(self) -> CommandDoc:
        """The manual page, with every item."""
        items = tuple((f'+QMTCFG: "{name}",{item.tested()}', item.doc) for name, item in self.ITEMS.items())
        return dataclasses.replace(super().describe(), items=items)

    def checked(self, name: str, values: Sequence[Any]) -> None:
        """Refuse values that do not fit together."""

    def _values(self, ue: Ue, name: str, id: int | None) -> list[Any]:
        item = self.ITEMS[name]
        values = config(ue, name if item.alias is None else item.alias[0], -1 if id is None else id)
        return values if item.alias is None else values[item.alias[1] : item.alias[1] + 1]

    def _spelled(self, ue: Ue, name: str, values: list[Any]) -> list[Any]:
        return [values[0] - 3] if name == "version" and ue.quirk(LEVELS_FROM_0) else values

    def _items(self, ue: Ue) -> list[str]:
        return [name for name in self.ITEMS if key(self.ITEMS, name) in ue.settings]


def _moved(text: str | None, by: int) -> str | None:
    """A number in digits, moved; anything else as it is."""
    return str(int(text) + by) if text is not None and text.isascii() and text.isdigit() else text
