"""Registration, observation and uplinks on the wire, with a scripted module."""

from __future__ import annotations

import asyncio

import pytest
from aiocoap import Code
from aiocoap.numbers.types import CON
from platforms_fake import IMEI, LINKS, SETTLED, FakeModule, events, play

from modemsim.coap.endpoint import PlainSocket
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import PLATFORMS, Aep, CtIot
from modemsim.platforms.store import Uplink
from modemsim.trace import Trace


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_platforms_are_known_by_name() -> None:
    assert dict(PLATFORMS) == {"ct-iot": CtIot, "aep": Aep}


@pytest.mark.parametrize("kind", [CtIot, Aep])
def test_a_registration_is_accepted_and_shown(kind: type[Platform]) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        response = await module.register()
        assert response.code == Code.CREATED
        assert response.opt.location_path[0] == "rd"
        assert len(response.opt.location_path) == 2
        device = platform.store[IMEI]
        assert (device.registered, device.observed, device.lifetime) == (True, False, 86400)
        assert (device.binding, device.version, device.address) == ("U", "1.0", module.socket.local)
        assert device.objects == ["/1/0", "/3/0", "/4/0", "/19/0", "/5/0"]
        assert (device.registered_at, device.last_heard) == (0.0, 0.0)
        assert events(trace, "registered") == [
            {
                "endpoint": IMEI,
                "location": "/" + "/".join(module.location),
                "lifetime": 86400,
                "binding": "U",
                "version": "1.0",
                "address": f"127.0.0.1:{module.socket.local[1]}",
                "objects": ["/1/0", "/3/0", "/4/0", "/19/0", "/5/0"],
            }
        ]

    play(script, kind)


def test_a_registration_in_blocks_is_put_together() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        links = LINKS + b"".join(b",</%d/0>" % number for number in range(10000, 10200))
        assert (await module.register(links=links)).code == Code.CREATED
        assert len(platform.store[IMEI].objects) == 205

    play(script)


def test_observation_follows_the_registration() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        ((instant, request),) = module.requests
        assert instant == pytest.approx(0.2)
        assert (request.mtype, request.code, request.opt.uri_path) == (CON, Code.GET, ("19", "0", "0"))
        assert (request.opt.observe, request.opt.accept, len(request.token)) == (0, 42, 8)
        assert device.observed
        assert events(trace, "observed") == [{"endpoint": IMEI, "path": "/19/0/0"}]

    play(script)


@pytest.mark.parametrize(
    ("answer", "option", "reason"),
    [(Code.NOT_FOUND, None, "4.04"), (Code.CONTENT, None, "no Observe option")],
)
def test_a_module_that_cannot_be_observed(answer: Code, option: int | None, reason: str) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        module.observe_answer, module.observe_option = answer, option
        await module.register()
        await asyncio.sleep(SETTLED)
        assert not platform.store[IMEI].observed
        assert events(trace, "observe_failed") == [{"endpoint": IMEI, "path": "/19/0/0", "reason": reason}]

    play(script)


def test_an_unanswered_observe_is_not_repeated() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.register()
        module.deaf = True
        await asyncio.sleep(600)
        module.deaf = False
        await module.update()
        await asyncio.sleep(600)
        assert module.requests == []
        assert not platform.store[IMEI].observed
        assert [event["reason"] for event in events(trace, "observe_failed")] == ["timeout"]

    play(script)


@pytest.mark.parametrize("observe", [True, False])
def test_uplinks_are_stored_however_they_are_sent(observe: bool) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        non = module.notify(b"\x00ELLO", confirmable=False, observe=observe)
        con = module.notify(b"\x01\x05HELLO", confirmable=True, observe=observe)
        await asyncio.sleep(1)
        assert device.uplinks == [
            Uplink(SETTLED, "/19/0/0", b"\x00ELLO", "NON", non),
            Uplink(SETTLED, "/19/0/0", b"\x01\x05HELLO", "CON", con),
        ]
        assert module.outcomes[con] == "ack"
        assert non not in module.outcomes
        assert [event["payload"] for event in events(trace, "uplink")] == ["00454c4c4f", "010548454c4c4f"]
        assert device.last_heard == SETTLED

    play(script, Aep)


@pytest.mark.parametrize("confirmable", [True, False])
def test_a_duplicate_is_stored_once(confirmable: bool) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        module.notify(b"once", confirmable=confirmable)
        await asyncio.sleep(1)
        module.socket.send(module.sent[0], platform.address)
        await asyncio.sleep(1)
        assert [uplink.payload for uplink in device.uplinks] == [b"once"]
        assert not events(trace, "reset")

    play(script, Aep)


def test_re_registration_replaces_the_registration() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        old = module.location
        device = await module.connect("lt=900", "b=UQ")
        assert module.location != old
        assert (device.lifetime, device.binding, device.observed) == (900, "UQ", True)
        assert len(module.requests) == 2
        assert module.requests[0][1].token != module.requests[1][1].token
        module.location = old
        assert (await module.update()).code == Code.NOT_FOUND
        assert (await module.deregister()).code == Code.NOT_FOUND
        assert device.registered
        assert len(platform.store) == 1

    play(script)


def test_an_update_changes_what_it_names_and_does_not_observe_again() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        assert (await module.update("lt=900", "b=UQ")).code == Code.CHANGED
        await asyncio.sleep(SETTLED)
        assert (device.lifetime, device.binding, device.queue_mode) == (900, "UQ", True)
        assert device.last_heard == SETTLED
        assert len(module.requests) == 1
        assert device.observed
        assert (await module.update("lt=soon")).code == Code.BAD_REQUEST
        assert device.lifetime == 900

    play(script)


def test_an_update_from_a_new_address_moves_the_device() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        module.endpoint.close()
        module.move()
        await module.update()
        assert device.address == module.socket.local
        assert not device.observed
        await asyncio.sleep(SETTLED)
        assert device.observed
        con = module.notify(b"moved")
        platform.downlink(IMEI, b"down")
        await asyncio.sleep(1)
        assert module.outcomes[con] == "ack"
        assert module.written == [b"down"]

    play(script, Aep)


def test_a_notification_from_another_address_is_reset() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        module.notify(b"here", confirmable=False)
        elsewhere = PlainSocket()
        received: list[bytes] = []
        elsewhere.receiver = lambda data, sender: received.append(data)
        elsewhere.send(module.sent[0], platform.address)
        await asyncio.sleep(1)
        elsewhere.close()
        assert received == [b"\x70\x00" + module.sent[0][2:4]]
        assert len(device.uplinks) == 1

    play(script, Aep)


def test_deregistration_ends_everything() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        assert (await module.deregister()).code == Code.DELETED
        assert (device.registered, device.observed, device.location) == (False, False, None)
        assert events(trace, "deregistered") == [{"endpoint": IMEI}]
        assert (await module.deregister()).code == Code.NOT_FOUND
        con = module.notify(b"late")
        await asyncio.sleep(1)
        assert module.outcomes[con] == "rst"
        assert device.uplinks == []

    play(script)


def test_a_registration_expires_with_its_lifetime() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect("lt=900")
        await asyncio.sleep(899 - now())
        assert device.registered
        await module.update()
        await asyncio.sleep(899.9)
        assert device.registered
        await asyncio.sleep(0.2)
        assert (device.registered, device.observed) == (False, False)
        assert events(trace, "expired") == [{"endpoint": IMEI}]
        assert (await module.update()).code == Code.NOT_FOUND
        await asyncio.sleep(10_000)
        assert (await module.register("lt=900")).code == Code.CREATED
        assert device.registered

    play(script)


def test_without_a_lifetime_a_day_is_granted_and_zero_never_ends() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.register(lifetime=None)
        device = platform.store[IMEI]
        assert device.lifetime == 86400
        await asyncio.sleep(86401)
        assert not device.registered
        await module.register("lt=0")
        await asyncio.sleep(10_000_000)
        assert device.registered

    play(script)


@pytest.mark.parametrize("confirmable", [True, False])
def test_a_forgotten_observation_is_reset(confirmable: bool) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        platform.forget(IMEI)
        assert (device.registered, device.observed) == (True, False)
        message_id = module.notify(b"hello", confirmable=confirmable)
        await asyncio.sleep(1)
        assert module.outcomes[message_id] == "rst"
        assert not module.observed
        assert device.uplinks == []
        assert [event["message_id"] for event in events(trace, "reset")] == [message_id]
        await module.connect()
        module.notify(b"again", confirmable=confirmable)
        await asyncio.sleep(1)
        assert [uplink.payload for uplink in device.uplinks] == [b"again"]

    play(script)


def test_a_module_may_end_the_observation() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        module.end_observation()
        await asyncio.sleep(1)
        assert (device.registered, device.observed, device.uplinks) == (True, False, [])
        assert events(trace, "observation_ended") == [{"endpoint": IMEI, "path": "/19/0/0", "code": "4.04"}]

    play(script)
