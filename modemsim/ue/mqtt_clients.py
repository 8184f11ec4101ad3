"""The module's MQTT clients by number: what the host asks of them runs in the background and is published.

Events: mqtt.opened, mqtt.connected, mqtt.subscribed, mqtt.unsubscribed, mqtt.published, mqtt.repeated,
mqtt.received, mqtt.waiting, mqtt.dropped, mqtt.disconnected, mqtt.closed, mqtt.status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from modemsim import mqtt
from modemsim.net.bearer import Bearer
from modemsim.net.resolver import Resolver
from modemsim.net.tls import make_stream
from modemsim.profile import MqttTable
from modemsim.ue.mqtt_client import Ended, Link, MqttClient, Outcome
from modemsim.ue.mqtt_inbox import Inbox, Reception

BACKLOG = 4
"""Unsent lines at which the module stops reading messages."""
ANSWERED, REPEATED, FAILED = 0, 1, 2
"""Results of subscribing and publishing."""

_REQUESTS = {"connack": "connect", "suback": "subscribe", "unsuback": "unsubscribe", "pingresp": "ping"}
"""What was asked for, by the answer that does not come; everything else belongs to a message."""


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
        self._connecting: dict[int, asyncio.Task[Any]] = {}
        self._extended: set[tuple[int, int]] = set()
        self._inboxes: dict[int, Inbox] = {}
        self._receptions: dict[int, Reception] = {}
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
            self._inboxes[id] = Inbox(self._table.stored)
            self._receptions[id] = Reception(packet_limit=self._table.receive)
        return self._clients[id]

    def reception(self, id: int) -> Reception:
        """How messages of a client reach the host; what is set counts for the next message."""
        self.client(id)
        return self._receptions[id]

    def inbox(self, id: int) -> Inbox:
        """The messages of a client that wait for the host."""
        self.client(id)
        return self._inboxes[id]

    @property
    def last(self) -> int:
        """The highest number a client can have."""
        return self._table.clients - 1

    @property
    def known(self) -> list[int]:
        """Numbers of the clients that were named since power-on, in order."""
        return sorted(self._clients)

    def next_packet_id(self, id: int) -> int:
        """A packet identifier of the module's own choice, from 1 upwards."""
        self._last_ids[id] = self._last_ids.get(id, 0) % 0xFFFF + 1
        return self._last_ids[id]

    def bearer_lost(self) -> None:
        """The PDN connection is gone, and every connection with it."""
        for id, task in tuple(self._opening.items()):
            task.cancel()
            del self._opening[id]
            self._clients[id].drop()
            self.opened(id, "lost")
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
        self._connecting.clear()
        self._extended.clear()
        self._inboxes.clear()
        self._receptions.clear()

    # ------------------------------------------------------------ what the host asks for

    def open(self, id: int, host: str, port: int, ready: Callable[[], Awaitable[bool]] | None = None) -> None:
        """Open the connection once its context is `ready`; mqtt.opened tells the outcome."""
        self._opening[id] = self._spawn(self._open(id, host, port, ready))

    async def _open(self, id: int, host: str, port: int, ready: Callable[[], Awaitable[bool]] | None) -> None:
        self.inbox(id).clear()
        if ready is not None and not await ready():
            situation = "no_bearer"
        else:
            address = self._bearer.ip
            situation = await self.client(id).open(host, port)
            if situation == "no_bearer" and address is not None:
                situation = "lost"
        self._opening.pop(id, None)
        self.opened(id, situation)

    def opened(self, id: int, situation: str) -> None:
        """Tell how an opening ended, or why there was none."""
        self._publish("mqtt.opened", id=id, result=self._table.numbers[situation])

    def connect(self, id: int, client_id: str, user: str | None, password: str | None) -> None:
        """Introduce the client; mqtt.connected tells the outcome, mqtt.status that none came."""
        self._connecting[id] = self._spawn(self._connect(id, client_id, user, password))

    async def _connect(self, id: int, client_id: str, user: str | None, password: str | None) -> None:
        client = self.client(id)
        outcome = await client.connect(client_id, user, password)
        self._connecting.pop(id, None)
        if outcome.answered:
            self._publish("mqtt.connected", id=id, result=ANSWERED, code=outcome.codes[0])
            if outcome.codes[0]:
                client.drop()
            return
        self._publish("mqtt.connected", id=id, result=FAILED, code=None)
        if client.link is Link.CONNECTING:
            ended = Ended.CONNECT if client.unsent else Ended.CONNACK
            client.drop()
            self._ended(id, ended)

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
        (self._extended.add if extended else self._extended.discard)((id, message.packet_id))
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
        """Close the connection, or give up opening it or introducing the client."""
        opening, connecting = self._opening.pop(id, None), self._connecting.pop(id, None)
        if connecting is not None:
            connecting.cancel()
        if opening is not None:
            opening.cancel()
            self.client(id).drop()
        self.client(id).close()

    # ------------------------------------------------------------ what happens

    def fields(self, id: int, message: mqtt.Publish) -> dict[str, Any]:
        """What a line about a message shows."""
        return {"id": id, **self.reception(id).shown(message)}

    def _message(self, id: int, message: mqtt.Publish) -> bool:
        how = self.reception(id)
        if not how.takes(message):
            self._publish("mqtt.dropped", id=id, topic=message.topic, reason="the packet is too long")
            return False
        if not how.waits(message):
            self._publish("mqtt.received", **self.fields(id, message))
            return True
        place = self.inbox(id).put(message)
        if place is None:
            self._publish("mqtt.dropped", id=id, topic=message.topic, reason="every place is taken")
            return False
        self._publish("mqtt.waiting", id=id, place=place)
        return True

    def _repeated(self, id: int, what: str, packet_id: int, count: int) -> None:
        if self.client(id).options.notice:
            fields = {"message_id": packet_id, "result": REPEATED, "value": count}
            fields["extended"] = (id, packet_id) in self._extended
            self._publish("mqtt.repeated", id=id, what=_REQUESTS.get(what, "publish"), **fields)

    def _ended(self, id: int, ended: Ended) -> None:
        if id not in self._clients:
            return  # the power is gone as well
        self._publish("mqtt.status", id=id, code=self._table.status[ended.value])
