"""The module's MQTT clients by number: what the host asks of them runs in the background and is published.

Events: mqtt.opened, mqtt.connected, mqtt.subscribed, mqtt.unsubscribed, mqtt.published, mqtt.repeated,
mqtt.received, mqtt.waiting, mqtt.disconnected, mqtt.closed, mqtt.status.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from modemsim import mqtt
from modemsim.at.dialect import to_text
from modemsim.net.bearer import Bearer
from modemsim.net.resolver import Resolver
from modemsim.net.tls import make_stream
from modemsim.profile import MqttTable
from modemsim.ue.mqtt_client import Ended, Link, MqttClient, Outcome

BACKLOG = 4
"""Unsent lines at which the module stops reading messages."""
ANSWERED, REPEATED, FAILED = 0, 1, 2
"""Results of subscribing and publishing."""


class MqttClients:
    """All clients of one module; `backlog` tells how many lines the serial line still owes the host."""

    def __init__(
        self,
        table: MqttTable,
        bearer: Bearer,
        resolver: Resolver,
        publish: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        backlog: Callable[[], int],
    ) -> None:
        self._table = table
        self._bearer = bearer
        self._resolver = resolver
        self._publish = publish
        self._spawn = spawn
        self._backlog = backlog
        self._clients: dict[int, MqttClient] = {}
        self._opening: dict[int, asyncio.Task[Any]] = {}
        self._stored: dict[int, deque[mqtt.Publish]] = {}
        self._buffered: set[int] = set()
        self._with_length: set[int] = set()
        self._last_ids: dict[int, int] = {}

    def client(self, id: int) -> MqttClient:
        """The client of that number; it exists from the first time it is named."""
        if id not in self._clients:
            client = MqttClient(partial(make_stream, self._bearer), self._resolver, self._spawn)
            client.on_message = partial(self._message, id)
            client.on_end = partial(self._ended, id)
            client.on_repeat = partial(self._repeated, id)
            client.room = lambda: 4096 if self._backlog() < BACKLOG else 0
            self._clients[id] = client
            self._stored[id] = deque()
        return self._clients[id]

    def next_packet_id(self, id: int) -> int:
        """A packet identifier of the module's own choice, from 1 upwards."""
        self._last_ids[id] = self._last_ids.get(id, 0) % 0xFFFF + 1
        return self._last_ids[id]

    def receive(self, id: int, *, buffered: bool, with_length: bool) -> None:
        """Whether messages of a client wait for the host to read them, and show their length."""
        for chosen, on in ((self._buffered, buffered), (self._with_length, with_length)):
            (chosen.add if on else chosen.discard)(id)

    def bearer_lost(self) -> None:
        """The PDN connection is gone, and every connection with it."""
        for client in self._clients.values():
            if client.link is not Link.CLOSED:
                client.over(Ended.BEARER)

    def busy(self, id: int) -> bool:
        """Whether the client is open or on its way."""
        return id in self._opening or self.client(id).link is not Link.CLOSED

    def pump(self) -> None:
        """The serial line has caught up: messages are read again."""
        for client in self._clients.values():
            client.read_on()

    def clear(self) -> None:
        """The power is gone."""
        self._clients.clear()
        self._opening.clear()
        self._stored.clear()

    # ------------------------------------------------------------ what the host asks for

    def open(self, id: int, host: str, port: int) -> None:
        """Open the connection; mqtt.opened tells the outcome."""
        self._opening[id] = self._spawn(self._open(id, host, port))

    async def _open(self, id: int, host: str, port: int) -> None:
        situation = await self.client(id).open(host, port)
        self._opening.pop(id, None)
        self._publish("mqtt.opened", id=id, result=self._table.numbers[situation])

    def connect(self, id: int, client_id: str, user: str | None, password: str | None) -> None:
        """Introduce the client; mqtt.connected tells the outcome, mqtt.status that none came."""
        self._spawn(self._connect(id, client_id, user, password))

    async def _connect(self, id: int, client_id: str, user: str | None, password: str | None) -> None:
        client = self.client(id)
        outcome = await client.connect(client_id, user, password)
        if outcome.answered:
            self._publish("mqtt.connected", id=id, result=ANSWERED, code=outcome.codes[0])
            if outcome.codes[0]:
                client.drop()
        elif client.link is Link.CONNECTING:
            client.drop()
            self._publish("mqtt.connected", id=id, result=FAILED, code=None)
            self._ended(id, Ended.CONNACK)

    def subscribe(self, id: int, packet_id: int, topics: tuple[tuple[str, int], ...]) -> None:
        """Subscribe; mqtt.subscribed tells the outcome."""
        self._spawn(
            self._report("mqtt.subscribed", id, packet_id, self.client(id).subscribe(packet_id, topics))
        )

    def unsubscribe(self, id: int, packet_id: int, topics: tuple[str, ...]) -> None:
        """Unsubscribe; mqtt.unsubscribed tells the outcome."""
        self._spawn(
            self._report("mqtt.unsubscribed", id, packet_id, self.client(id).unsubscribe(packet_id, topics))
        )

    def send(self, id: int, message: mqtt.Publish, *, extended: bool = False) -> None:
        """Publish a message; mqtt.published tells the outcome and which of two commands asked for it."""
        work = self.client(id).publish(message)
        self._spawn(self._report("mqtt.published", id, message.packet_id, work, extended=extended))

    async def _report(
        self, event: str, id: int, packet_id: int, work: Coroutine[Any, Any, Outcome], **more: Any
    ) -> None:
        outcome = await work
        granted = ",".join(map(str, outcome.codes)) if outcome.codes else None
        result = ANSWERED if outcome.answered else FAILED
        self._publish(event, id=id, message_id=packet_id, result=result, value=granted, **more)

    async def disconnect(self, id: int) -> None:
        """End the session in good order."""
        await self.client(id).disconnect()
        self._publish("mqtt.disconnected", id=id, result=0)

    def close(self, id: int) -> None:
        """Close the connection, or give up opening it."""
        task = self._opening.pop(id, None)
        if task is not None:
            task.cancel()
            self.client(id).drop()
        self.client(id).close()

    def stored(self, id: int) -> list[int]:
        """Whether each of the places for waiting messages is taken."""
        self.client(id)
        held = len(self._stored[id])
        return [int(place < held) for place in range(self._table.stored)]

    def take(self, id: int) -> mqtt.Publish | None:
        """The oldest message that waits for the host."""
        self.client(id)
        return self._stored[id].popleft() if self._stored[id] else None

    # ------------------------------------------------------------ what happens

    def fields(self, id: int, message: mqtt.Publish) -> dict[str, Any]:
        """What a line about a message shows."""
        return {
            "id": id,
            "message_id": message.packet_id,
            "topic": message.topic,
            "length": len(message.payload),
            "shown_length": len(message.payload) if id in self._with_length else None,
            "text": to_text(message.payload),
            "data": message.payload,
            "digits": 2 * len(message.payload),
            "qos": message.qos,
            "retain": int(message.retain),
            "dup": int(message.dup),
        }

    def _message(self, id: int, message: mqtt.Publish) -> None:
        if id not in self._buffered:
            self._publish("mqtt.received", **self.fields(id, message))
        elif len(self._stored[id]) < self._table.stored:
            self._stored[id].append(message)
            self._publish("mqtt.waiting", id=id, place=len(self._stored[id]) - 1)

    def _repeated(self, id: int, what: str, packet_id: int, count: int) -> None:
        if self.client(id).options.notice:
            fields = {"message_id": packet_id, "result": REPEATED, "value": count}
            self._publish("mqtt.repeated", id=id, what=what, **fields)

    def _ended(self, id: int, ended: Ended) -> None:
        self._publish("mqtt.status", id=id, code=self._table.status[ended.value])
