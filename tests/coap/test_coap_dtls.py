"""DTLS sessions between the two secured sockets, the same on every backend and between them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from dtls_wire import IDENTITY, KEY, LATENCY, MODULE, SERVER, Desk, needs

from modemsim import clock
from modemsim.coap.dtls.association import Cause, Ended
from modemsim.coap.dtls.engine import BACKENDS, Suite
from modemsim.coap.dtls.records import describe, split

PAIRS = [(one, other) for one in BACKENDS for other in BACKENDS]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return needs(request.param)


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    clock.run(scene(), virtual=True)


@pytest.mark.parametrize("suite", list(Suite))
@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_session_carries_datagrams_both_ways(client: str, server: str, suite: Suite) -> None:
    needs(client), needs(server)

    async def scene() -> None:
        desk = Desk(client, peer=server, suites=(suite,))
        assert await desk.talk(5)
        assert desk.events == [("handshake", None), ("up", suite)]
        assert desk.server.identity(MODULE) == IDENTITY
        assert len(desk.wire.log) == 8, "six flights and one datagram each way"
        assert desk.wire.log[5][0] == pytest.approx(5 * LATENCY)

    run(scene)


def test_the_handshake_is_the_one_of_the_standard(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        assert await desk.talk()
        assert [describe(data) for _, _, data in desk.wire.log] == [
            "ClientHello",
            "HelloVerifyRequest",
            "ClientHello",
            "ServerHello, ServerHelloDone",
            "ClientKeyExchange, ChangeCipherSpec, encrypted handshake message",
            "ChangeCipherSpec, encrypted handshake message",
            "application data",
            "application data",
        ]

    run(scene)


def test_the_module_repeats_at_its_own_instants_and_gives_up(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        desk.wire.fate = lambda number, data: []
        ended = await desk.client.secure()
        assert ended == Ended(Cause.TIMEOUT)
        assert [instant for instant, _, _ in desk.wire.log] == [0, 10, 30]
        assert asyncio.get_running_loop().time() == 60
        numbers = [int.from_bytes(data[5:11], "big") for _, _, data in desk.wire.log]
        assert numbers == [0, 1, 2], "a repeated record has a number of its own (RFC 6347 4.2.4)"
        desk.wire.fate = lambda number, data: [LATENCY]
        assert await desk.talk(), "the next attempt works"

    run(scene)


@pytest.mark.parametrize("lost", range(8))
@pytest.mark.parametrize("count", [1, 2])
def test_any_lost_datagrams_delay_the_session_only(backend: str, lost: int, count: int) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        missing = range(lost, lost + count)
        desk.wire.fate = lambda number, data: [] if number in missing else [LATENCY]
        ended = await desk.client.secure()
        assert ended is None
        assert asyncio.get_running_loop().time() < 60
        await asyncio.sleep(100)
        desk.wire.fate = lambda number, data: [LATENCY]
        assert await desk.talk()

    run(scene)


@pytest.mark.parametrize("record_lost", range(3))
def test_a_flight_that_comes_in_parts_counts(backend: str, record_lost: int) -> None:
    """Datagrams carry whole flights; a path that cut them would lose single records."""

    async def scene() -> None:
        desk = Desk(backend)
        end = desk.wire.ends[SERVER]
        whole, cut = end.receiver, []

        def in_parts(data: bytes, sender: Any) -> None:
            records = list(split(data))
            for index, record in enumerate(records):
                if len(records) == 3 and index == record_lost and len(cut) < 1:
                    cut.append(record)
                else:
                    whole(record, sender)

        end.receiver = in_parts
        assert await desk.talk()
        assert cut

    run(scene)


@pytest.mark.parametrize("twice", range(6))
def test_a_repeated_datagram_changes_nothing(backend: str, twice: int) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        late = LATENCY * 7.5
        desk.wire.fate = lambda number, data: [LATENCY, LATENCY * 1.1, late] if number == twice else [LATENCY]
        assert await desk.talk()

    run(scene)


def test_everything_twice_and_out_of_order_still_comes_up(backend: str) -> None:
    for seed in range(12):

        async def scene(seed: int = seed) -> None:
            stream = random.Random(seed)
            desk = Desk(backend)
            desk.wire.fate = lambda number, data: [stream.uniform(0.05, 3), stream.uniform(0.05, 3)]
            assert await desk.client.secure() is None
            await asyncio.sleep(60)
            desk.wire.fate = lambda number, data: [LATENCY]
            assert await desk.talk()

        run(scene)


def test_garbage_between_the_flights_is_passed_over(backend: str) -> None:
    async def scene() -> None:
        stream = random.Random(1)
        desk = Desk(backend)

        def fate(number: int, data: bytes) -> list[float]:
            for to, sender in ((SERVER, MODULE), (MODULE, SERVER)):
                noise = stream.randbytes(stream.randrange(1, 90))
                headed = b"\x16\xfe\xfd" + bytes(8) + len(noise).to_bytes(2, "big") + noise
                for junk in (noise, headed, data[: stream.randrange(len(data))]):
                    desk.wire.arrive(junk, sender, to)
            return [LATENCY]

        desk.wire.fate = fate
        assert await desk.talk()

    run(scene)


def test_fuzzed_datagrams_never_wedge_either_end(backend: str) -> None:
    for seed in range(40):

        async def scene(seed: int = seed) -> None:
            stream = random.Random(seed)
            desk = Desk(backend)

            def fate(number: int, data: bytes) -> list[float]:
                broken = bytearray(data)
                for _ in range(stream.randrange(1, 4)):
                    broken[stream.randrange(len(broken))] = stream.randrange(256)
                sender, to = (MODULE, SERVER) if desk.wire.log[number][1] == MODULE else (SERVER, MODULE)
                asyncio.get_running_loop().call_later(
                    LATENCY / 2, desk.wire.arrive, bytes(broken), sender, to
                )
                return [LATENCY] if stream.random() < 0.7 else []

            desk.wire.fate = fate
            await desk.client.secure()
            await asyncio.sleep(100)
            desk.wire.fate = lambda number, data: [LATENCY]
            desk.client.renew()
            assert await desk.talk(), f"seed {seed}"

        run(scene)


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_a_wrong_key_is_refused(client: str, server: str) -> None:
    needs(client), needs(server)

    async def scene() -> None:
        desk = Desk(client, peer=server, key=b"another key 1234")
        assert await desk.client.secure() == Ended(Cause.ALERT, "bad_record_mac")
        assert desk.failures == [(IDENTITY, "error: bad_record_mac")]
        assert asyncio.get_running_loop().time() < 1
        assert desk.events[-1] == ("failed", Ended(Cause.ALERT, "bad_record_mac"))

    run(scene)


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_an_unknown_identity_is_refused(client: str, server: str) -> None:
    needs(client), needs(server)

    async def scene() -> None:
        desk = Desk(client, peer=server, identity="nobody")
        assert await desk.client.secure() == Ended(Cause.ALERT, "unknown_psk_identity")
        assert desk.failures == [("nobody", "error: unknown_psk_identity")]

    run(scene)


@pytest.mark.parametrize(("client", "server"), PAIRS)
def test_close_notify_ends_the_session_at_the_other_end(client: str, server: str) -> None:
    needs(client), needs(server)

    async def scene() -> None:
        desk = Desk(client, peer=server)
        assert await desk.talk()
        desk.client.shutdown()
        await asyncio.sleep(1)
        assert desk.server.identity(MODULE) is None
        assert await desk.talk(), "the next datagram makes a new session"
        desk.server.end(MODULE)
        await asyncio.sleep(1)
        assert desk.events[-1] == ("closed", Ended(Cause.CLOSE_NOTIFY))
        assert not desk.client.up

    run(scene)


def test_a_session_is_renewed_after_a_pause(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend, renew_after=30)
        assert await desk.talk(5)
        await asyncio.sleep(20)
        assert await desk.talk(5)
        assert [event for event, _ in desk.events] == ["handshake", "up"]
        await asyncio.sleep(31)
        assert await desk.talk(5), "the server replaces the session of that address"
        assert [event for event, _ in desk.events] == ["handshake", "up"] * 2

    run(scene)


def test_behind_another_address_nothing_is_heard_until_a_new_handshake(backend: str) -> None:
    """A NAT that forgot the module: without connection id the server cannot know the datagram's session."""

    async def scene() -> None:
        desk = Desk(backend)
        assert await desk.talk()
        moved = ("10.0.0.2", 40001)
        desk.wire.ends[moved] = desk.wire.ends[MODULE]
        desk.wire.ends[MODULE].local = moved
        assert not await desk.talk()
        desk.client.renew()
        desk.up.clear()
        desk.client.send(b"uplink", SERVER)
        await asyncio.sleep(2)
        assert desk.up == [b"uplink"]
        assert desk.server.identity(moved) == IDENTITY

    run(scene)


def test_a_server_that_lost_its_sessions_is_silent(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        assert await desk.talk()
        desk.server.forget(MODULE)
        assert not await desk.talk()
        desk.client.renew()
        assert await desk.talk()

    run(scene)


def test_protected_datagrams_cannot_be_replayed_or_changed(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        assert await desk.talk()
        data = desk.wire.log[-2][2]
        desk.up.clear()
        for forged in (data, data[:-1] + bytes([data[-1] ^ 1]), data[:20] + b"\0" + data[21:]):
            desk.wire.arrive(forged, MODULE, SERVER)
        assert desk.up == []
        assert await desk.talk()

    run(scene)


def test_what_is_sent_during_the_handshake_waits_for_it_once(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        for data in (b"one", b"two", b"one"):
            desk.client.send(data, SERVER)
        desk.client.send(b"stranger", ("192.0.2.66", 5684))
        await asyncio.sleep(5)
        assert desk.up == [b"one", b"two"]

    run(scene)


def test_a_closed_socket_lets_go_of_everything(backend: str) -> None:
    async def scene() -> None:
        desk = Desk(backend)
        waiting = asyncio.ensure_future(desk.client.secure())
        await asyncio.sleep(LATENCY * 1.5)
        desk.client.close()
        assert await waiting == Ended(Cause.LOCAL)
        assert await desk.client.secure() == Ended(Cause.LOCAL)
        desk.server.close()
        sent = len(desk.wire.log)
        desk.client.send(b"late", SERVER)
        desk.server.send(b"late", MODULE)
        await asyncio.sleep(100)
        assert len(desk.wire.log) == sent

    run(scene)


@pytest.mark.parametrize("server", BACKENDS)
@pytest.mark.parametrize("suite", list(Suite))
def test_the_key_log_is_the_same_as_the_other_librarys(server: str, suite: Suite) -> None:
    needs("openssl"), needs(server)

    async def scene() -> None:
        lines: list[str] = []
        desk = Desk("openssl", peer=server, suites=(suite,), keylog=lines.append)
        from modemsim.coap.dtls.keylog import Observer

        watched: list[str] = []
        observer = Observer(watched.append)
        observer.key = KEY
        assert await desk.talk()
        for _, _, data in desk.wire.log:
            observer.saw(data)
        assert watched == lines
        assert lines[0].startswith("CLIENT_RANDOM ")

    run(scene)


def test_the_backend_writes_a_key_log(backend: str) -> None:
    async def scene() -> None:
        lines: list[str] = []
        desk = Desk(backend, keylog=lines.append)
        assert await desk.talk()
        assert [len(line) for line in lines] == [14 + 64 + 1 + 96]

    run(scene)


def test_openssl_continues_a_session() -> None:
    needs("openssl")

    async def scene() -> None:
        desk = Desk("openssl", resume=True)
        assert await desk.talk()
        desk.client.renew()
        desk.wire.log.clear()
        assert await desk.talk()
        flights = [describe(data) for _, _, data in desk.wire.log]
        assert "ClientKeyExchange" not in " ".join(flights)
        for lost in range(6):
            desk.client.renew()
            desk.wire.log.clear()
            desk.wire.fate = lambda number, data, lost=lost: [] if number == lost else [LATENCY]
            assert await desk.client.secure() is None, lost
            await asyncio.sleep(100)
            desk.wire.fate = lambda number, data: [LATENCY]
            assert await desk.talk(), lost

    run(scene)
