"""One MQTT client of the module: the state of its connection, retransmission, keep-alive, both ways of QoS.

Packet identifiers are the host's; times are simulated. What is not answered is sent again with the DUP flag
after `timeout` seconds, `retries` times (the modules' own rule; MQTT 3.1.1 itself repeats only on a new
connection).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

from modemsim import mqtt
from modemsim.mqtt import Kind, MqttError, Packet
from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.resolver import NameFailed, NameProblem, Resolver
from modemsim.net.tls import Stream, open_stream
from modemsim.net.tls_settings import TlsFailed, TlsSettings


class Link(IntEnum):
    """How far the client is; 1 to 4 are the numbers of AT+QMTCONN?."""

    CLOSED = 0
    OPEN = 1
    CONNECTING = 2
    CONNECTED = 3
    DISCONNECTING = 4


class Ended(StrEnum):
    """Why a connection ended by itself; the profile gives the number.

    CONNECT: it could not be handed over in its time; CONNACK: it could, but the answer did not come.
    GOODBYE: the server was the first to close after DISCONNECT. ANSWERS: data that nobody acknowledged.
    """

    PEER = "peer"
    PING = "ping"
    CONNECT = "connect"
    CONNACK = "connack"
    GOODBYE = "goodbye"
    ANSWERS = "answers"
    BEARER = "bearer"
    PROTOCOL = "protocol"
    SECURITY = "security"


@dataclass
class MqttOptions:
    """What the host configures; times in seconds, `version` 3 is MQTT 3.1, 4 is 3.1.1.

    `ping_wait`: until a PINGREQ without answer is repeated; None: `timeout`. `close_wait`: most that a
    connection takes to close after its server was silent to pings, or where the server is let close first.
    `server_closes`: whether it is after DISCONNECT. `repeat_connect`: whether a CONNECT is sent again like
    any other packet, which servers take for an offence (MQTT 3.1.1, 3.1.0-2).
    """

    version: int = 4
    keep_alive: int = 120
    clean: bool = True
    timeout: float = 5
    retries: int = 3
    notice: bool = False
    will: mqtt.Will | None = None
    security: TlsSettings | None = None
    ping_wait: int | None = None
    close_wait: float = 0.0
    server_closes: bool = False
    repeat_connect: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a request: answered with `codes`, or not at all."""

    answered: bool
    codes: tuple[int, ...] = ()


class MqttClient:
    """Opens, connects, asks; `on_message` gets what arrives, `on_end` that the connection ended by itself.

    A message that `on_message` does not take (False) is not acknowledged.
    """

    def __init__(
        self,
        make_socket: Callable[[TlsSettings | None], Stream],
        resolver: Resolver,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
    ) -> None:
        self.options = MqttOptions()
        self.link = Link.CLOSED
        self.server = ("", 0)
        self.on_message: Callable[[mqtt.Publish], bool] = lambda message: True
        self.on_end: Callable[[Ended], None] = lambda ended: None
        self.on_repeat: Callable[[str, int, int], None] = lambda what, packet_id, count: None
        self.room: Callable[[], int] = lambda: 4096
        self._make_socket = make_socket
        self._resolver = resolver
        self._spawn = spawn
        self._tcp: Stream | None = None
        self._decoder = mqtt.Decoder(texts=mqtt.OCTETS)
        self._answers: dict[tuple[Kind, int], list[asyncio.Future[Packet | None]]] = {}
        self._packets: deque[Packet | None] = deque()
        """What has arrived and was not taken yet; None: something that is no MQTT."""
        self._paused = False
        self._held: set[int] = set()
        self.in_flight: set[int] = set()
        """Packet identifiers of messages that the server has not acknowledged yet."""
        self._keeper: asyncio.Task[Any] | None = None
        self._last_sent = 0.0

    # ------------------------------------------------------------ connection

    async def open(self, host: str, port: int) -> str:
        """Open the connection; "ok" or what prevented it: no_bearer, dns, connect (refused), timeout, tls."""
        self.server = (host, port)
        tcp = self._tcp = self._make_socket(self.options.security)
        tcp.on_data, tcp.on_end, tcp.room = self._arrived, self._ended, lambda: self.room()
        try:
            address = (await self._resolver.resolve(host))[0]
            await open_stream(tcp, (address, port))
        except TlsFailed:
            self._forget()  # what TLS has to say to the peer still leaves
            return "tls"
        except (NameFailed, CrossingFailed) as failed:
            self.drop()
            if isinstance(failed, NameFailed):
                return "no_bearer" if failed.problem is NameProblem.NO_BEARER else "dns"
            return _NOT_OPENED.get(failed.loss, "connect")
        self.link = Link.OPEN
        return "ok"

    async def connect(self, client_id: str, user: str | None, password: str | None) -> Outcome:
        """Introduce the client; the outcome's code is the server's return code."""
        self.link = Link.CONNECTING
        answer = await self._ask(self.introduction(client_id, user, password), Kind.CONNACK, 0)
        if not isinstance(answer, mqtt.ConnAck) or self._tcp is None:
            return Outcome(False)
        if not answer.session_present:
            self._held.clear()
        if answer.code == 0:
            self.link = Link.CONNECTED
            self._keeper = self._spawn(self._keep_alive())
        return Outcome(True, (answer.code,))

    def introduction(self, client_id: str, user: str | None, password: str | None) -> mqtt.Connect:
        """The CONNECT of this client as it is configured."""
        options, secret = self.options, None if password is None else password.encode("latin-1")
        kept = options.keep_alive, options.clean, options.version, options.will
        return mqtt.Connect(client_id, user, secret, *kept)

    @property
    def unsent(self) -> bool:
        """Whether the server has not got all yet that was sent to it."""
        return self._tcp is not None and self._tcp.unacked > 0

    async def disconnect(self) -> None:
        """Say goodbye and close, or let the server be the first to do so, for a while."""
        self.link = Link.DISCONNECTING
        self._send(mqtt.Bare(Kind.DISCONNECT))
        if self.options.server_closes:
            self._stop_keeper()
            self._spawn(self._wait_for_end(self.options.close_wait))
        else:
            self.close()

    async def _wait_for_end(self, seconds: float) -> None:
        """Close what the server has not closed by then."""
        tcp = self._tcp
        await asyncio.sleep(seconds)
        if tcp is not None and tcp is self._tcp:
            self.close()

    def close(self) -> None:
        """Close the connection behind what was sent."""
        if self._tcp is not None:
            self._tcp.close()
        self._forget()

    def drop(self) -> None:
        """Forget the connection at once."""
        if self._tcp is not None:
            self._tcp.on_end = lambda loss: None
            self._tcp.abort()
        self._forget()

    def read_on(self) -> None:
        """The host has taken messages; there is room again."""
        if self._tcp is not None:
            self._tcp.read_on()

    def _forget(self) -> None:
        self.link = Link.CLOSED
        self._tcp = None
        self._decoder = mqtt.Decoder(texts=mqtt.OCTETS)
        self._packets.clear()
        self.in_flight.clear()
        self._stop_keeper()
        for answer in (answer for waiting in self._answers.values() for answer in waiting):
            if not answer.done():
                answer.set_result(None)
        self._answers.clear()

    def _stop_keeper(self) -> None:
        if self._keeper is not None and self._keeper is not asyncio.current_task():
            self._keeper.cancel()
        self._keeper = None

    # ------------------------------------------------------------ requests

    async def subscribe(self, packet_id: int, topics: tuple[tuple[str, int], ...]) -> Outcome:
        """Subscribe; the codes are what the server granted."""
        answer = await self._ask(mqtt.Subscribe(packet_id, topics), Kind.SUBACK, packet_id)
        return Outcome(answer is not None, answer.codes if isinstance(answer, mqtt.SubAck) else ())

    async def unsubscribe(self, packet_id: int, topics: tuple[str, ...]) -> Outcome:
        """Unsubscribe."""
        answer = await self._ask(mqtt.Unsubscribe(packet_id, topics), Kind.UNSUBACK, packet_id)
        return Outcome(answer is not None)

    async def publish(self, message: mqtt.Publish) -> Outcome:
        """Publish; with QoS 0 done when it is sent, else when the server has acknowledged."""
        if message.qos == 0:
            self._send(message)
            return Outcome(True)
        first = Kind.PUBACK if message.qos == 1 else Kind.PUBREC
        self.in_flight.add(message.packet_id)
        answer = await self._ask(message, first, message.packet_id)
        if answer is not None and message.qos == 2:
            release = mqtt.Ack(Kind.PUBREL, message.packet_id)
            answer = await self._ask(release, Kind.PUBCOMP, message.packet_id)
        self.in_flight.discard(message.packet_id)
        return Outcome(answer is not None)

    async def _ask(self, packet: Packet, kind: Kind, packet_id: int) -> Packet | None:
        """Send and wait for the answer, repeating; None when it never came."""
        once = isinstance(packet, mqtt.Connect) and not self.options.repeat_connect
        repetitions = 0 if once else self.options.retries
        patience = self.options.timeout
        if kind is Kind.PINGRESP and self.options.ping_wait is not None:
            patience = self.options.ping_wait
        for count in range(repetitions + 1):
            if count:
                self.on_repeat(kind.name.lower(), packet_id, count)
            self._send(_again(packet) if count else packet)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    return await self._answer(kind, packet_id)
        return None

    async def _answer(self, kind: Kind, packet_id: int) -> Packet | None:
        """The packet that answers; None when the connection ends before."""
        key = (kind, packet_id)
        answer: asyncio.Future[Packet | None] = asyncio.get_running_loop().create_future()
        waiting = self._answers.setdefault(key, [])
        waiting.append(answer)
        try:
            return await answer
        finally:
            waiting.remove(answer)
            if not waiting and self._answers.get(key) is waiting:
                del self._answers[key]

    def _send(self, packet: Packet) -> None:
        if self._tcp is not None:
            self._last_sent = asyncio.get_running_loop().time()
            self._tcp.send(mqtt.encode(packet, mqtt.OCTETS))

    async def _keep_alive(self) -> None:
        """Ping when nothing was sent for the keep-alive time (MQTT 3.1.1, 3.1.2.10)."""
        loop = asyncio.get_running_loop()
        interval = self.options.keep_alive
        while interval:
            due = self._last_sent + interval
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            elif await self._ask(mqtt.Bare(Kind.PINGREQ), Kind.PINGRESP, 0) is None:
                await self._unanswered()
                return

    async def _unanswered(self) -> None:
        """No answer to pings: close, and report it when that is done or has taken long enough."""
        tcp, self.link = self._tcp, Link.DISCONNECTING
        if tcp is not None and self.options.close_wait:
            tcp.on_data = lambda data: None
            closed = asyncio.Event()
            tcp.on_closed = closed.set
            tcp.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closed.wait(), self.options.close_wait)
        if tcp is self._tcp:
            self.over(Ended.PING)

    # ------------------------------------------------------------ what arrives

    def _arrived(self, data: bytes) -> None:
        try:
            for packet in self._decoder.feed(data):
                self._packets.append(packet)
        except MqttError:
            self._packets.append(None)
        if not self._paused:
            self._work()

    def _work(self) -> None:
        """Take packets in their order; whoever waited for one goes on before the next one is taken."""
        self._paused = False
        while self._packets and not self._paused:
            packet = self._packets.popleft()
            try:
                self._take(packet)
            except MqttError:
                self.over(Ended.PROTOCOL)

    def _take(self, packet: Packet | None) -> None:
        match packet:
            case mqtt.Publish() if self.link is not Link.CONNECTING:
                self._message(packet)
            case mqtt.Ack(Kind.PUBREL, number):
                self._held.discard(number)
                self._send(mqtt.Ack(Kind.PUBCOMP, number))
            case mqtt.Ack(kind, number):
                self._settle(kind, number, packet)
            case mqtt.SubAck(number, _):
                self._settle(Kind.SUBACK, number, packet)
            case mqtt.ConnAck():
                self._settle(Kind.CONNACK, 0, packet)
            case mqtt.Bare(Kind.PINGRESP):
                self._settle(Kind.PINGRESP, 0, packet)
            case _:
                raise MqttError(f"a server does not send {type(packet).__name__} here")

    def _message(self, message: mqtt.Publish) -> None:
        repeated = message.qos == 2 and message.packet_id in self._held
        if not repeated and not self.on_message(message):
            return
        if message.qos == 1:
            self._send(mqtt.Ack(Kind.PUBACK, message.packet_id))
        elif message.qos == 2:
            self._held.add(message.packet_id)
            self._send(mqtt.Ack(Kind.PUBREC, message.packet_id))

    def _settle(self, kind: Kind, packet_id: int, packet: Packet) -> None:
        waiting = self._answers.get((kind, packet_id), ())
        answer = next((answer for answer in waiting if not answer.done()), None)
        if answer is not None:
            answer.set_result(packet)  # which has its task go on, in the turn of what is called soon
            self._paused = True
            asyncio.get_running_loop().call_soon(self._work)

    def _ended(self, loss: Loss) -> None:
        if self.link is Link.DISCONNECTING and loss in (Loss.CLOSED, Loss.RESET):
            self.over(Ended.GOODBYE)
            return
        known = {Loss.NO_BEARER: Ended.BEARER, Loss.NO_ANSWER: Ended.ANSWERS, Loss.SECURITY: Ended.SECURITY}
        self.over(known.get(loss, Ended.PEER))

    def over(self, ended: Ended) -> None:
        """The connection is gone for this reason, which is told behind what becomes of open requests."""
        asked = bool(self._answers)
        self.drop()
        if asked:
            asyncio.get_running_loop().call_soon(self.on_end, ended)
        else:
            self.on_end(ended)


_NOT_OPENED = {Loss.NO_BEARER: "no_bearer", Loss.NO_ANSWER: "timeout"}


def _again(packet: Packet) -> Packet:
    """The packet as it is repeated: a PUBLISH with its DUP flag."""
    return replace(packet, dup=True) if isinstance(packet, mqtt.Publish) else packet
