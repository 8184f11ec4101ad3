"""Contract tests: what aiocoap's own message layer does, and why modemsim has its own.

When one of these fails after an upgrade, the reason for a part of `modemsim.coap.messages` may be gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiocoap
import pytest
from aiocoap import GET, Context, Message, Reliable, Unreliable, error, interfaces, resource
from aiocoap.messagemanager import MessageManager
from aiocoap.numbers.constants import TransportTuning
from aiocoap.tokenmanager import TokenManager
from coap_fakes import ACK, CON, NON, RST, SERVER, datagram

from modemsim.clock import run
from modemsim.coap.codec import Peer

PEER = Peer(SERVER, lambda: ("192.0.2.7", 40000))
_OBSERVE_A = b"\x60\x51a"
_OBSERVE_B = b"\x60\x51b"


class Quick(TransportTuning):
    """A confirmable message that is given up after 12 s."""

    ACK_TIMEOUT = 4.0
    ACK_RANDOM_FACTOR = 1.0
    MAX_RETRANSMIT = 1
    reliability = True


class Wire(interfaces.MessageInterface):
    """Keeps what is sent; nothing arrives but what a test delivers."""

    def __init__(self, manager: MessageManager) -> None:
        self.manager = manager
        self.sent: list[bytes] = []

    def send(self, message: Message) -> None:
        self.sent.append(message.encode())

    def deliver(self, data: bytes) -> None:
        self.manager.dispatch_message(Message.decode(data, PEER))

    async def recognize_remote(self, remote: object) -> bool:
        return isinstance(remote, Peer)

    async def determine_remote(self, message: Message) -> None:
        return None

    async def shutdown(self) -> None:
        return None


class Observed(resource.ObservableResource):
    async def render_get(self, request: Message) -> Message:
        return Message(code=aiocoap.CONTENT, payload=b"now")


class Stock:
    """aiocoap as it comes, on a wire without a network."""

    def __init__(self) -> None:
        self.a, self.b = Observed(), Observed()
        site = resource.Site()
        site.add_resource(["a"], self.a)
        site.add_resource(["b"], self.b)
        self.context = Context(loop=asyncio.get_running_loop(), serversite=site)
        tokens = TokenManager(self.context)
        self.manager = MessageManager(tokens)
        self.wire = Wire(self.manager)
        self.manager.message_interface = self.wire
        tokens.token_interface = self.manager
        self.context.request_interfaces.append(tokens)

    async def observe(self) -> None:
        self.wire.deliver(datagram(CON, 0x01, 0x1000, b"\x01", _OBSERVE_A))
        self.wire.deliver(datagram(CON, 0x01, 0x1001, b"\x02", _OBSERVE_B))
        await settle()
        assert [data[0] >> 4 & 3 for data in self.wire.sent] == [ACK, ACK]
        self.wire.sent.clear()

    def get(self, path: str) -> Any:
        message = Message(code=GET, uri_path=(path,), transport_tuning=Quick())
        message.remote = PEER
        return self.context.request(message, handle_blockwise=False)

    @property
    def observers(self) -> tuple[int, int]:
        return len(self.a._observations), len(self.b._observations)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def value(payload: bytes, tuning: TransportTuning) -> Message:
    return Message(code=aiocoap.CONTENT, payload=payload, transport_tuning=tuning)


def on_stock(test: Callable[[Stock], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    async def main() -> None:
        stock = Stock()
        await test(stock)
        await stock.context.shutdown()

    def wrapper() -> None:
        run(main(), virtual=True)

    wrapper.__name__ = test.__name__
    return wrapper


@on_stock
async def test_updates_in_one_turn_of_the_loop_are_merged(stock: Stock) -> None:
    await stock.observe()
    for number in range(5):
        stock.a.updated_state(value(b"%d" % number, Unreliable()))
    await settle()
    assert [data[-1:] for data in stock.wire.sent] == [b"4"]


@on_stock
async def test_a_reset_of_a_non_is_ignored(stock: Stock) -> None:
    await stock.observe()
    stock.a.updated_state(value(b"x", Unreliable()))
    await settle()
    mid = int.from_bytes(stock.wire.sent[0][2:4], "big")
    stock.wire.deliver(datagram(RST, 0, mid))
    await settle()
    assert stock.observers == (1, 1)


@on_stock
async def test_one_timeout_ends_every_observation_of_the_peer(stock: Stock) -> None:
    await stock.observe()
    stock.a.updated_state(value(b"x", Quick()))
    await asyncio.sleep(13)
    assert stock.observers == (0, 0)


@on_stock
async def test_a_cancelled_request_is_sent_again_and_blocks_the_next(stock: Stock) -> None:
    first = stock.get("first")
    await settle()
    first.response.cancel()
    second = stock.get("second")
    await asyncio.sleep(5)
    assert [data[-5:] for data in stock.wire.sent] == [b"first", b"first"]
    with pytest.raises(error.ConRetransmitsExceeded):
        await second.response


@on_stock
async def test_a_non_overtakes_a_con_that_waits(stock: Stock) -> None:
    await stock.observe()
    for resource_, payload in ((stock.a, b"1"), (stock.b, b"2")):
        resource_.updated_state(value(payload, Reliable()))
    await settle()
    stock.a.updated_state(value(b"3", Unreliable()))
    await settle()
    assert [data[-1:] for data in stock.wire.sent] == [b"1", b"3"]


@on_stock
async def test_an_own_message_replaces_the_answer_kept_for_a_duplicate(stock: Stock) -> None:
    await stock.observe()
    mid = stock.manager.message_id
    request = datagram(CON, 0x01, mid, b"\x05", b"\xb1a")
    stock.wire.deliver(request)
    await settle()
    answer = stock.wire.sent[-1]
    stock.a.updated_state(value(b"x", Unreliable()))
    await settle()
    notification = stock.wire.sent[-1]
    stock.wire.deliver(request)
    assert stock.wire.sent[-1] == notification != answer


@on_stock
async def test_a_non_response_that_nobody_waits_for_is_not_reset(stock: Stock) -> None:
    stock.wire.deliver(datagram(NON, 0x45, 0x3000, b"\x09", b"\xffx"))
    assert stock.wire.sent == []


@on_stock
async def test_a_notification_without_observe_ends_the_observation(stock: Stock) -> None:
    message = Message(code=GET, uri_path=("19", "0", "0"), observe=0)
    message.remote = PEER
    request = stock.context.request(message, handle_blockwise=False)
    await settle()
    token = stock.wire.sent[0][4 : 4 + (stock.wire.sent[0][0] & 15)]
    mid = int.from_bytes(stock.wire.sent[0][2:4], "big")
    stock.wire.deliver(datagram(ACK, 0x45, mid, token, b"\x60"))
    await request.response
    stock.wire.deliver(datagram(NON, 0x45, 0x3000, token, b"\xff1"))
    stock.wire.deliver(datagram(NON, 0x45, 0x3001, token, b"\xff2"))
    assert request.observation.cancelled


@on_stock
async def test_an_acknowledged_request_without_answer_is_never_given_up(stock: Stock) -> None:
    request = stock.get("a")
    await settle()
    mid = int.from_bytes(stock.wire.sent[0][2:4], "big")
    stock.wire.deliver(datagram(ACK, 0, mid))
    await asyncio.sleep(100_000)
    assert not request.response.done()
    request.response.cancel()


def test_a_token_longer_than_eight_octets_is_accepted() -> None:
    assert len(Message.decode(b"\x4f\x01\x00\x01" + b"t" * 15).token) == 15


def test_text_that_is_no_utf8_is_another_exception() -> None:
    with pytest.raises(UnicodeDecodeError):
        Message.decode(datagram(CON, 0x01, 1, rest=b"\xb1\xff"))
