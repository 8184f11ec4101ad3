"""The bearer over loopback sockets on virtual time: order, latency, loss, paging, NAT, outage, clean-up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from modemsim import clock
from modemsim.net import Address, Bearer, Routes
from modemsim.net.bearer import WAITING_LIMIT
from modemsim.timing import Delay, Timing
from modemsim.trace import Record, Trace

PLATFORM: Address = ("180.101.147.115", 5683)


class FakeRadio:
    """A radio whose every answer is set by the test."""

    def __init__(self) -> None:
        self.ip: str | None = "100.64.0.9"
        self.connected = True
        self.reachable = True
        self.asleep = False
        self.until_paging: Callable[[], float] = lambda: 0.0
        self.down = False
        self.setup = 0.25
        self.latencies: list[float] = []
        self.losses: list[bool] = []
        self.used: list[tuple[float, int, bool, float]] = []

    async def connect(self) -> None:
        await asyncio.sleep(self.setup)
        if self.down:
            raise ConnectionError("out of coverage")
        self.connected = True

    def activity(self, rai: int = 0, *, downlink: bool = False, lasting: float = 0.0) -> None:
        now = asyncio.get_running_loop().time()
        self.used.append((round(now, 3), rai, downlink, round(lasting, 3)))

    def latency(self) -> float:
        return self.latencies.pop(0) if self.latencies else 0.1

    def lost(self) -> bool:
        return self.losses.pop(0) if self.losses else False


class Server:
    """A real UDP socket in this process; answers with what `answer` makes of a datagram."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[tuple[float, bytes]] = []
        self.peer: Address = ("", 0)
        self.answer: Callable[[bytes], bytes | None] = lambda data: None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", port))
        self.address: Address = self._socket.getsockname()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def _readable(self) -> None:
        data, self.peer = self._socket.recvfrom(2048)
        self.got.append((round(self._loop.time(), 3), data))
        answer = self.answer(data)
        if answer is not None:
            self.send(answer)

    def send(self, data: bytes) -> None:
        self._socket.sendto(data, self.peer)

    def close(self) -> None:
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()


class Bench:
    """A bearer between a fake radio and a server that is a built-in platform."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.radio = FakeRadio()
        self.server = Server()
        self.trace = Trace(loop.time)
        self.builtin: dict[str, Address] = {"ct-iot": self.server.address}
        self.routes = Routes(self.builtin, offline=True)
        self.bearer = Bearer(self.radio, self.routes, Timing({"paging": Delay.exact(0.5)}), self.trace)
        self.socket = self.bearer.udp()
        self.got: list[tuple[float, bytes, Address]] = []
        self.socket.receiver = self.receive

    def receive(self, data: bytes, sender: Address) -> None:
        self.got.append((round(asyncio.get_running_loop().time(), 3), data, sender))

    def losses(self) -> list[Any]:
        return [
            (record.fields["direction"], record.fields["reason"])
            for record in self.trace.recent()
            if record.event == "lost"
        ]


def play(body: Callable[[Bench], Awaitable[None]]) -> None:
    async def main() -> None:
        bench = Bench()
        try:
            await body(bench)
        finally:
            bench.bearer.close()
            bench.server.close()

    clock.run(main(), virtual=True)


def test_uplink_takes_its_latency_and_the_answer_comes_from_the_address_the_module_knows() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: data[::-1]
        bench.socket.send(b"ab", PLATFORM, rai=2)
        await asyncio.sleep(5)
        assert bench.server.got == [(0.1, b"ab")]
        assert bench.server.peer == ("127.0.0.1", bench.socket.local[1])
        assert bench.got == [(0.2, b"ba", PLATFORM)]
        assert bench.radio.used == [(0.0, 2, False, 0.1), (0.1, 0, True, 0.1)]
        assert bench.bearer.ip == "100.64.0.9"

    play(body)


def test_every_datagram_is_traced() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: b"!"
        bench.radio.losses = [False, False, True]
        bench.socket.send(b"abc", PLATFORM, rai=1)
        await asyncio.sleep(1)
        bench.socket.send(b"defg", PLATFORM)
        await asyncio.sleep(1)
        peer, (host, port) = "180.101.147.115:5683", bench.server.address
        assert list(bench.trace.recent()) == [
            Record(0.1, "air", "uplink", {"peer": peer, "size": 3, "rai": 1, "real": f"{host}:{port}"}),
            Record(0.2, "air", "downlink", {"peer": peer, "size": 1}),
            Record(
                1.1,
                "air",
                "lost",
                {"direction": "uplink", "peer": peer, "size": 4, "reason": "lost on the air"},
            ),
        ]

    play(body)


def test_nothing_overtakes_on_one_socket() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.latencies = [3.0, 0.5, 0.5, 4.0]
        for number in range(4):
            bench.socket.send(bytes([number]), PLATFORM)
        other = bench.bearer.udp()
        bench.radio.latencies.append(1.0)
        other.send(b"other", PLATFORM)
        await asyncio.sleep(10)
        assert bench.server.got == [(1.0, b"other"), (3.0, b"\0"), (3.0, b"\1"), (3.0, b"\2"), (4.0, b"\3")]

    play(body)


def test_an_idle_module_connects_once_and_keeps_the_order() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.connected = False
        bench.socket.send(b"1", PLATFORM)
        await asyncio.sleep(0.2)
        bench.socket.send(b"2", PLATFORM)
        await asyncio.sleep(5)
        assert bench.server.got == [(0.35, b"1"), (0.35, b"2")]

    play(body)


def test_downlink_for_an_idle_module_pays_paging_and_setup() -> None:
    async def body(bench: Bench) -> None:
        bench.socket.send(b"hello", PLATFORM)
        await asyncio.sleep(10)
        bench.radio.connected = False
        bench.server.send(b"command")
        await asyncio.sleep(10)
        assert bench.got == [(10.0 + 0.5 + 0.25 + 0.1, b"command", PLATFORM)]

    play(body)


def test_an_uplink_during_paging_brings_the_downlink_along() -> None:
    async def body(bench: Bench) -> None:
        bench.socket.send(b"hello", PLATFORM)
        await asyncio.sleep(10)
        bench.radio.connected = False
        bench.server.send(b"command")
        await asyncio.sleep(0.1)
        bench.socket.send(b"data", PLATFORM)
        await asyncio.sleep(10)
        assert bench.got == [(10.45, b"command", PLATFORM)]
        assert bench.server.got[1:] == [(10.45, b"data")]

    play(body)


def test_failed_connection_drops_what_waits() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.connected = False
        bench.radio.down = True
        bench.socket.send(b"1", PLATFORM)
        bench.socket.send(b"2", PLATFORM)
        bench.socket.close()
        await asyncio.sleep(5)
        assert bench.losses() == [("uplink", "out of coverage")] * 2
        assert bench.socket._real.fileno() == -1
        bench.radio.down = False
        second = bench.bearer.udp()
        second.send(b"3", PLATFORM)
        await asyncio.sleep(5)
        assert bench.server.got == [(5.35, b"3")]

    play(body)


def test_the_waiting_room_is_small() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.connected = False
        for _ in range(WAITING_LIMIT + 3):
            bench.socket.send(b"x", PLATFORM)
        await asyncio.sleep(5)
        assert len(bench.server.got) == WAITING_LIMIT
        assert bench.losses() == [("uplink", "too many datagrams are waiting for the connection")] * 3

    play(body)


@pytest.mark.parametrize("change", ["ip", "reachable"])
def test_nothing_passes_without_address_or_coverage(change: str) -> None:
    async def body(bench: Bench) -> None:
        bench.socket.send(b"0", PLATFORM)
        await asyncio.sleep(1)
        bench.socket.send(b"on its way", PLATFORM)
        bench.server.send(b"on its way")
        await asyncio.sleep(0.05)
        setattr(bench.radio, change, None if change == "ip" else False)
        reason = "no PDN connection" if change == "ip" else "no coverage"
        await asyncio.sleep(1)
        bench.server.send(b"later")
        await asyncio.sleep(1)
        bench.socket.send(b"later", PLATFORM)
        await asyncio.sleep(1)
        ways = ["uplink", "downlink", "downlink", "uplink"]
        assert bench.losses() == [(way, reason) for way in ways]
        assert (len(bench.server.got), bench.got) == (1, [])

    play(body)


def test_the_socket_survives_a_pdn_that_goes_and_comes() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.ip = None
        bench.socket.send(b"0", PLATFORM)
        bench.radio.ip = "100.64.0.10"
        bench.socket.send(b"1", PLATFORM)
        await asyncio.sleep(1)
        assert [data for _, data in bench.server.got] == [b"1"]

    play(body)


def test_where_no_route_leads_nothing_arrives() -> None:
    async def body(bench: Bench) -> None:
        bench.socket.send(b"x", ("8.8.8.8", 53))
        bench.socket.send(b"x", ("180.101.147.115", 5684))
        bench.socket.send(b"x" * 70000, PLATFORM)
        await asyncio.sleep(1)
        assert bench.losses() == [
            ("uplink", "no route"),
            ("uplink", "no route"),
            ("uplink", "[Errno 90] Message too long"),
        ]

    play(body)


def test_a_stranger_shows_his_own_address() -> None:
    async def body(bench: Bench) -> None:
        stranger = Server()
        stranger.peer = ("127.0.0.1", bench.socket.local[1])
        stranger.send(b"boo")
        await asyncio.sleep(1)
        assert bench.got == [(0.1, b"boo", stranger.address)]
        stranger.close()

    play(body)


def test_closing_lets_the_last_words_out_and_hears_nothing() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: b"answer"
        bench.socket.send(b"last", PLATFORM)
        bench.socket.close()
        bench.socket.close()
        bench.socket.send(b"too late", PLATFORM)
        assert bench.socket._real.fileno() >= 0
        await asyncio.sleep(1)
        assert [data for _, data in bench.server.got] == [b"last"]
        assert bench.got == []
        assert bench.socket._real.fileno() == -1
        assert bench.losses() == [("uplink", "the socket is closed")]

    play(body)


def test_receiver_may_close_its_socket() -> None:
    async def body(bench: Bench) -> None:
        bench.server.answer = lambda data: b"answer"
        bench.socket.receiver = lambda data, sender: bench.socket.close()
        bench.socket.send(b"1", PLATFORM)
        bench.socket.send(b"2", PLATFORM)
        await asyncio.sleep(1)
        assert bench.socket._real.fileno() == -1

    play(body)


def test_closing_the_bearer_forgets_everything() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.connected = False
        bench.socket.send(b"waiting", PLATFORM)
        other = bench.bearer.udp()
        bench.bearer.close()
        await asyncio.sleep(5)
        assert bench.server.got == []
        assert (bench.socket._real.fileno(), other._real.fileno()) == (-1, -1)
        again = bench.bearer.udp()
        bench.radio.connected = True
        again.send(b"again", PLATFORM)
        await asyncio.sleep(5)
        assert [data for _, data in bench.server.got] == [b"again"]

    play(body)


def test_a_local_port_is_taken_as_asked_or_mapped() -> None:
    async def body(bench: Bench) -> None:
        taken = bench.server.address[1]
        mapped = bench.bearer.udp(taken)
        assert mapped.local[0] == "127.0.0.1"
        assert mapped.local[1] not in (0, taken)
        asked = bench.socket.local[1]
        bench.socket.close()
        assert bench.bearer.udp(asked).local == ("127.0.0.1", asked)
        events = [record.event for record in bench.trace.recent()]
        assert events == ["port_mapped"]

    play(body)


def test_sockets_listen_outside_only_when_routes_lead_there() -> None:
    async def body(bench: Bench) -> None:
        bearer = Bearer(bench.radio, Routes({}), Timing({}), bench.trace)
        assert bearer.udp().local[0] == "0.0.0.0"
        bearer.close()

    play(body)


def test_the_way_back_expires_and_the_next_datagram_leaves_from_another_port() -> None:
    async def body(bench: Bench) -> None:
        bench.bearer.nat_timeout = lambda: 30.0
        bench.socket.send(b"first", PLATFORM)
        await asyncio.sleep(1)
        before, port = bench.server.peer, bench.socket.local[1]
        await asyncio.sleep(28)
        bench.server.send(b"in time")
        await asyncio.sleep(31)
        bench.server.send(b"too late")
        await asyncio.sleep(1)
        assert [data for _, data, _ in bench.got] == [b"in time"]
        assert bench.losses() == [("downlink", "the network's address translation has forgotten the way")]
        bench.socket.send(b"again", PLATFORM)
        await asyncio.sleep(1)
        assert bench.server.got[-1][1] == b"again"
        assert bench.server.peer != before
        assert bench.socket.local[1] != port
        bench.server.send(b"back")
        await asyncio.sleep(1)
        assert bench.got[-1][1] == b"back"

    play(body)
