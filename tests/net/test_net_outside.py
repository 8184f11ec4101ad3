"""Peers outside the process while the clock is virtual: it waits for their answer, but not for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from modemsim import clock
from modemsim.net import Address, Bearer, Routes, waiting
from modemsim.net.tls import TlsSocket, open_stream
from modemsim.net.tls_settings import TlsSettings
from modemsim.platforms.authority import Authority
from modemsim.radio.network import DEFAULT_START
from modemsim.timing import Timing
from modemsim.trace import Trace


class OpenAir:
    """A radio that is always connected and loses nothing."""

    ip = "100.64.0.9"
    connected = True
    reachable = True
    asleep = False

    def until_paging(self) -> float:
        return 0.0

    async def connect(self) -> None:
        """Connected already."""

    def activity(self, rai: int = 0, *, downlink: bool = False, lasting: float = 0.0) -> None:
        """No release here."""

    def latency(self) -> float:
        return 0.1

    def lost(self) -> bool:
        return False


@contextmanager
def beside(work: Callable[[], None], end: socket.socket) -> Iterator[Address]:
    """Run the work of a peer in a thread of its own, then close its socket; gives the socket's address."""
    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield end.getsockname()
    finally:
        thread.join()
        end.close()


@contextmanager
def echo_outside() -> Iterator[Address]:
    """A peer with its own time: a thread that answers one datagram."""
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind(("127.0.0.1", 0))
    peer.settimeout(10)

    def answer() -> None:
        data, sender = peer.recvfrom(100)
        peer.sendto(data, sender)

    with beside(answer, peer) as address:
        yield address


async def ask(to: Address, patience: float) -> float | None:
    """Send once to `to`; simulated seconds until the answer, or None after `patience`."""
    loop = asyncio.get_running_loop()
    bearer = Bearer(OpenAir(), Routes({}), Timing({}), Trace(loop.time))
    udp = bearer.udp()
    answer: asyncio.Future[float] = loop.create_future()
    udp.receiver = lambda data, sender: answer.set_result(loop.time())
    udp.send(b"ping", to)
    try:
        return await asyncio.wait_for(answer, patience)
    except TimeoutError:
        return None
    finally:
        bearer.close()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock waits as long as for a program that a busy machine holds up."""
    monkeypatch.setattr(waiting, "ANSWER_WINDOW", 10.0)


@pytest.mark.usefixtures("patient")
def test_a_virtual_clock_waits_for_an_answer_from_outside() -> None:
    with echo_outside() as address:
        answered = clock.run(ask(address, 60.0), virtual=True)
    assert answered is not None
    assert 0.2 <= answered < 0.2 + waiting.ANSWER_WINDOW


def test_and_goes_on_when_none_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "ANSWER_WINDOW", 0.01)
    silent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    silent.bind(("127.0.0.1", 0))
    assert clock.run(ask(silent.getsockname(), 3600.0), virtual=True) is None
    silent.close()


@contextmanager
def hesitant_tls_server() -> Iterator[Address]:
    """A peer with its own time that sends each of its flights in two parts."""
    context = Authority(lambda: DEFAULT_START, ("server.test",)).context
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def negotiate() -> None:
        peer, _ = listener.accept()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls, over = context.wrap_bio(incoming, outgoing, server_side=True), False
        with peer:
            while not over:
                incoming.write(peer.recv(65536))
                with contextlib.suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                    over = True
                flight = outgoing.read()
                peer.sendall(flight[: len(flight) // 2])
                time.sleep(0.05)
                peer.sendall(flight[len(flight) // 2 :])
            with contextlib.suppress(ConnectionResetError):
                peer.recv(1)

    with beside(negotiate, listener) as address:
        yield address


@pytest.mark.usefixtures("patient")
def test_a_virtual_clock_waits_for_the_rest_of_a_flight() -> None:
    async def main(to: Address) -> None:
        loop = asyncio.get_running_loop()
        bearer = Bearer(OpenAir(), Routes({}), Timing({}), Trace(loop.time))
        tls = TlsSocket(bearer, TlsSettings(limit=60.0))
        await open_stream(tls, to)
        tls.abort()
        bearer.close()

    with hesitant_tls_server() as address:
        clock.run(main(address), virtual=True)


def test_holds_are_given_back() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, clock.VirtualLoop)
        answers = waiting.OutsideAnswers()
        for peer in ("a", "a", "b"):
            answers.expect(peer)
        assert loop._holders == 2
        answers.arrived("a")
        answers.arrived("stranger")
        assert loop._holders == 1
        answers.close()
        assert loop._holders == 0

    clock.run(main(), virtual=True)


def test_a_real_clock_is_not_held() -> None:
    async def main() -> None:
        answers = waiting.OutsideAnswers()
        answers.expect("a")
        assert answers._owed == {}

    clock.run(main())
