"""Downlink commands: their life, their order, and when a module can hear them."""

from __future__ import annotations

import asyncio

import pytest
from aiocoap import Code
from aiocoap.numbers.types import CON
from platforms_fake import IMEI, SETTLED, FakeModule, events, make, play

from modemsim import clock
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep, CtIot
from modemsim.platforms.downlinks import TRANSITIONS, Downlink, DownlinkEvent, DownlinkState
from modemsim.trace import Trace

GIVEN_UP = 100.0
"""Longer than a confirmable message is retransmitted (93 s at most, RFC 7252 4.8.2)."""


def states(trace: Trace, downlink: Downlink) -> list[tuple[str, str | None]]:
    """The states a command went through, with their reasons."""
    records = [event for event in events(trace, "downlink") if event["id"] == downlink.id]
    return [(record["state"], record["reason"]) for record in records]


@pytest.mark.parametrize("state", DownlinkState)
@pytest.mark.parametrize("event", DownlinkEvent)
def test_every_step_is_in_the_table_or_refused(state: DownlinkState, event: DownlinkEvent) -> None:
    downlink = Downlink("1", IMEI, b"", 0.0, state=state)
    if (state, event) in TRANSITIONS:
        downlink.advance(event, "why")
        assert (downlink.state, downlink.reason) == (TRANSITIONS[state, event], "why")
    else:
        with pytest.raises(KeyError):
            downlink.advance(event)
        assert downlink.state is state


def test_a_command_is_written_and_delivered() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        downlink = platform.downlink(IMEI, b"\xaa\xbb\xcc")
        assert (downlink.state, downlink.created) == (DownlinkState.QUEUED, SETTLED)
        await asyncio.sleep(1)
        assert downlink.state is DownlinkState.DELIVERED
        assert device.downlinks == {downlink.id: downlink}
        _, request = module.requests[-1]
        assert (request.mtype, request.code, request.opt.uri_path) == (CON, Code.PUT, ("19", "1", "0"))
        assert (request.opt.content_format, request.payload) == (42, b"\xaa\xbb\xcc")
        assert states(trace, downlink) == [("queued", None), ("sent", None), ("delivered", None)]
        assert events(trace, "downlink")[0] == {
            "endpoint": IMEI,
            "id": downlink.id,
            "state": "queued",
            "reason": None,
            "payload": "aabbcc",
        }

    play(script)


def test_a_long_command_goes_in_blocks() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        downlink = platform.downlink(IMEI, bytes(range(256)) * 10)
        await asyncio.sleep(1)
        assert [len(payload) for payload in module.written] == [1024, 1024, 512]
        assert downlink.state is DownlinkState.DELIVERED

    play(script)


def test_commands_go_out_one_at_a_time_and_in_order() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        downlinks = [platform.downlink(IMEI, bytes([number])) for number in range(5)]
        await asyncio.sleep(1)
        assert module.written == [b"\x00", b"\x01", b"\x02", b"\x03", b"\x04"]
        assert len({downlink.id for downlink in downlinks}) == 5
        sequence = [(event["id"], event["state"]) for event in events(trace, "downlink")[5:]]
        assert sequence == [(d.id, state) for d in downlinks for state in ("sent", "delivered")]

    play(script)


@pytest.mark.parametrize("code", [Code.NOT_FOUND, Code.METHOD_NOT_ALLOWED, Code.UNAUTHORIZED])
def test_a_refused_command_has_failed(code: Code) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.answer = code
        refused = platform.downlink(IMEI, b"a")
        await asyncio.sleep(1)
        module.answer = Code.CHANGED
        accepted = platform.downlink(IMEI, b"b")
        await asyncio.sleep(1)
        assert (refused.state, refused.reason) == (DownlinkState.FAILED, code.dotted)
        assert accepted.state is DownlinkState.DELIVERED

    play(script)


def test_a_reset_command_has_failed() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.socket.receiver = lambda data, sender: module.socket.send(b"\x70\x00" + data[2:4], sender)
        downlink = platform.downlink(IMEI, b"a")
        await asyncio.sleep(1)
        assert (downlink.state, downlink.reason) == (DownlinkState.FAILED, "reset")

    play(script)


def test_commands_wait_for_the_observation() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.register()
        downlink = platform.downlink(IMEI, b"early")
        await asyncio.sleep(0.1)
        assert downlink.state is DownlinkState.QUEUED
        await asyncio.sleep(SETTLED)
        assert downlink.state is DownlinkState.DELIVERED
        assert [request.code for _, request in module.requests] == [Code.GET, Code.PUT]

    play(script)


def test_a_device_that_is_not_registered_gets_nothing() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        with pytest.raises(KeyError):
            platform.downlink("nobody", b"a")
        platform.store.provision(IMEI)
        downlink = platform.downlink(IMEI, b"a")
        assert (downlink.state, downlink.reason) == (DownlinkState.FAILED, "not registered")
        assert states(trace, downlink) == [("failed", "not registered")]

    play(script)


def test_an_unanswered_command_waits_until_the_module_is_heard() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.deaf = True
        first = platform.downlink(IMEI, b"first")
        second = platform.downlink(IMEI, b"second")
        await asyncio.sleep(10)
        assert (first.state, second.state) == (DownlinkState.SENT, DownlinkState.QUEUED)
        await asyncio.sleep(GIVEN_UP)
        assert first.state is DownlinkState.QUEUED
        module.deaf = False
        await asyncio.sleep(10_000)
        assert module.written == []
        module.notify(b"awake", confirmable=False)
        await asyncio.sleep(1)
        assert module.written == [b"first", b"second"]
        assert states(trace, first) == [
            ("queued", None),
            ("sent", None),
            ("queued", None),
            ("sent", None),
            ("delivered", None),
        ]
        assert second.state is DownlinkState.DELIVERED

    play(script, Aep)


def test_the_second_time_out_is_final() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.deaf = True
        first = platform.downlink(IMEI, b"first")
        await asyncio.sleep(GIVEN_UP)
        module.notify(b"sent, but deaf", confirmable=False)
        second = platform.downlink(IMEI, b"second")
        await asyncio.sleep(GIVEN_UP)
        assert (first.state, first.reason) == (DownlinkState.FAILED, "timeout")
        assert second.state is DownlinkState.QUEUED
        module.deaf = False
        await module.update()
        await asyncio.sleep(1)
        assert module.written == [b"second"]

    play(script, Aep)


def test_queue_mode_waits_for_the_next_uplink() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect("b=UQ")
        await asyncio.sleep(10)
        downlinks = [platform.downlink(IMEI, b"a"), platform.downlink(IMEI, b"b")]
        await asyncio.sleep(1000)
        assert [downlink.state for downlink in downlinks] == [DownlinkState.QUEUED] * 2
        module.notify(b"awake")
        await asyncio.sleep(1)
        assert [downlink.state for downlink in downlinks] == [DownlinkState.DELIVERED] * 2
        late = platform.downlink(IMEI, b"c")
        await asyncio.sleep(0.1)
        assert late.state is DownlinkState.DELIVERED, "still within the window after the uplink"
        await asyncio.sleep(1000)
        asleep = platform.downlink(IMEI, b"d")
        await module.update()
        await asyncio.sleep(1)
        assert asleep.state is DownlinkState.DELIVERED

    play(script, Aep)


@pytest.mark.parametrize("deaf", [False, True])
def test_deregistration_fails_what_is_queued(deaf: bool) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect("b=UQ")
        await asyncio.sleep(0 if deaf else 10)
        module.deaf = deaf
        downlinks = [platform.downlink(IMEI, b"a"), platform.downlink(IMEI, b"b")]
        await asyncio.sleep(1)
        assert downlinks[0].state is (DownlinkState.SENT if deaf else DownlinkState.QUEUED)
        module.deaf = False
        await module.deregister()
        assert {(d.state, d.reason) for d in downlinks} == {(DownlinkState.FAILED, "deregistered")}
        await asyncio.sleep(GIVEN_UP)
        assert module.written == []

    play(script)


def test_expiry_and_removal_fail_what_is_queued() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect("b=UQ", "lt=900")
        await asyncio.sleep(10)
        expired = platform.downlink(IMEI, b"a")
        await asyncio.sleep(900)
        assert (expired.state, expired.reason) == (DownlinkState.FAILED, "expired")
        await module.connect("b=UQ")
        await asyncio.sleep(10)
        removed = platform.downlink(IMEI, b"b")
        platform.store.remove(IMEI)
        assert (removed.state, removed.reason) == (DownlinkState.FAILED, "removed")

    play(script)


def test_commands_outlive_a_re_registration() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.deaf = True
        downlinks = [platform.downlink(IMEI, b"a"), platform.downlink(IMEI, b"b")]
        await asyncio.sleep(5)
        assert downlinks[0].state is DownlinkState.SENT
        module.deaf = False
        await module.connect()
        assert module.written == [b"a", b"b"]
        assert [downlink.state for downlink in downlinks] == [DownlinkState.DELIVERED] * 2

    play(script)


def test_a_forgotten_device_gets_its_commands_when_it_is_observed_again() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        platform.forget(IMEI)
        downlink = platform.downlink(IMEI, b"a")
        await asyncio.sleep(10)
        assert downlink.state is DownlinkState.QUEUED
        await module.connect()
        assert downlink.state is DownlinkState.DELIVERED

    play(script)


@pytest.mark.parametrize("confirmable", [True, False])
def test_ct_iot_answers_each_uplink(confirmable: bool) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        module.notify(b"\x00ELLO", confirmable=confirmable)
        await asyncio.sleep(1)
        assert module.written == [bytes.fromhex("AAAA0000")]
        assert module.requests[-1][0] == pytest.approx(SETTLED + 0.1)
        (downlink,) = device.downlinks.values()
        assert downlink.state is DownlinkState.DELIVERED

    play(script)


@pytest.mark.parametrize(
    ("kind", "options", "written"),
    [(Aep, {}, []), (CtIot, {"auto_reply": None}, []), (Aep, {"auto_reply": b"ok"}, [b"ok"])],
)
def test_the_answer_to_uplinks_can_be_chosen(
    kind: type[Platform], options: dict[str, bytes | None], written: list[bytes]
) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        module.notify(b"data")
        await asyncio.sleep(1)
        assert module.written == written

    play(script, kind, **options)


def test_queue_mode_hears_the_answer_to_its_uplink() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect("b=UQ")
        await asyncio.sleep(100)
        module.notify(b"data")
        await asyncio.sleep(1)
        assert module.written == [bytes.fromhex("AAAA0000")]

    play(script)


def test_nothing_is_left_behind_after_a_command_under_way() -> None:
    async def main() -> set[asyncio.Task[object]]:
        platform, _ = make()
        await platform.start()
        module = FakeModule(platform)
        await module.connect()
        module.deaf = True
        downlink = platform.downlink(IMEI, b"a")
        await asyncio.sleep(1)
        assert downlink.state is DownlinkState.SENT
        await platform.stop()
        assert downlink.state is DownlinkState.QUEUED
        module.close()
        await asyncio.sleep(0.1)
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert clock.run(main(), virtual=True) == set()
