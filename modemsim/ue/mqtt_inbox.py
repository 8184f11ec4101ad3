"""How messages of one MQTT client reach the host: in lines of their own, or read from where they wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modemsim import mqtt
from modemsim.at.dialect import to_text


@dataclass
class Reception:
    """What the host chose; sizes in bytes.

    `buffered`: messages wait to be read. `with_length`: their length is shown. `as_hex`: payloads are shown
    as hex digits. `line_limit`: a longer payload waits even where messages come in lines. `packet_limit`: a
    longer packet is not taken.
    """

    buffered: bool = False
    with_length: bool = False
    as_hex: bool = False
    line_limit: int | None = None
    packet_limit: int | None = None

    def waits(self, message: mqtt.Publish) -> bool:
        """Whether a message is announced only."""
        return self.buffered or (self.line_limit is not None and len(message.payload) > self.line_limit)

    def takes(self, message: mqtt.Publish) -> bool:
        """Whether a message is short enough."""
        return self.packet_limit is None or len(mqtt.encode(message, mqtt.OCTETS)) <= self.packet_limit

    def shown(self, message: mqtt.Publish) -> dict[str, Any]:
        """The fields of a line about a message."""
        payload = message.payload
        return {
            "message_id": message.packet_id,
            "topic": message.topic,
            "length": len(payload),
            "shown_length": len(payload) if self.with_length else None,
            "text": payload.hex().upper() if self.as_hex else to_text(payload),
            "data": payload,
            "digits": 2 * len(payload),
            "qos": message.qos,
            "retain": int(message.retain),
            "dup": int(message.dup),
        }


class Inbox:
    """The places of one client in which messages wait; a message takes the first free one."""

    def __init__(self, places: int) -> None:
        self._places: list[mqtt.Publish | None] = [None] * places

    def put(self, message: mqtt.Publish) -> int | None:
        """The place a message got; None when all are taken."""
        for place, held in enumerate(self._places):
            if held is None:
                self._places[place] = message
                return place
        return None

    def take(self, place: int) -> mqtt.Publish | None:
        """The message of a place, which is free from then on."""
        message, self._places[place] = self._places[place], None
        return message

    def taken(self) -> list[int]:
        """For each place whether it is taken, as 0 and 1."""
        return [int(message is not None) for message in self._places]

    def clear(self) -> None:
        """Free every place."""
        self._places = [None] * len(self._places)
