"""The platform as a server: who may register, outages, restarts, noise and many devices."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiocoap import Code, Message
from aiocoap.pipe import Pipe
from hypothesis import given, settings
from hypothesis import strategies as st
from platforms_fake import IMEI, SETTLED, FakeModule, events, make, play

from modemsim import clock
from modemsim.coap.endpoint import Endpoint, PlainSocket
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep, CtIot
from modemsim.platforms.downlinks import DownlinkState
from modemsim.platforms.store import DeviceStore
from modemsim.trace import Trace


def test_the_store_keeps_devices_by_endpoint() -> None:
    store = DeviceStore()
    device = store.provision("a")
    assert store.provision("a") is device is store["a"] is store.admit("a")
    assert store.admit("b") is store["b"]
    assert "a" in store
    assert "c" not in store
    assert [known.endpoint for known in store] == ["a", "b"]
    assert len(store) == 2
    store.remove("a")
    with pytest.raises(KeyError):
        store.remove("a")
    with pytest.raises(KeyError):
        store["a"]


def test_a_strict_store_admits_provisioned_devices_only() -> None:
    store = DeviceStore(strict=True)
    assert store.admit("a") is None
    assert len(store) == 0
    device = store.provision("a")
    assert store.admit("a") is device


def test_a_strict_platform_refuses_unknown_devices() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        response = await module.register()
        assert (response.code, response.payload) == (Code.FORBIDDEN, b"unknown device")
        assert len(platform.store) == 0
        assert events(trace, "refused") == [
            {
                "endpoint": IMEI,
                "address": f"127.0.0.1:{module.socket.local[1]}",
                "code": "4.03",
                "reason": "unknown device",
            }
        ]
        platform.store.provision(IMEI)
        assert (await module.register()).code == Code.CREATED

    play(script, strict=True)


def test_a_removed_device_is_gone() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        platform.store.remove(IMEI)
        assert IMEI not in platform.store
        assert events(trace, "removed") == [{"endpoint": IMEI}]
        con = module.notify(b"late")
        await asyncio.sleep(1)
        assert module.outcomes[con] == "rst"
        assert (await module.update()).code == Code.NOT_FOUND
        assert (await module.register()).code == Code.FORBIDDEN

    async def main() -> None:
        platform, trace = make(strict=True)
        platform.store.provision(IMEI)
        await platform.start()
        module = FakeModule(platform)
        await script(platform, module, trace)
        module.close()
        await platform.stop()

    clock.run(main(), virtual=True)


def test_a_refused_endpoint_is_answered_with_the_code() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        platform.refuse(IMEI, Code.SERVICE_UNAVAILABLE)
        assert (await module.update("lt=900")).code == Code.SERVICE_UNAVAILABLE
        assert device.lifetime == 86400
        assert (await module.register()).code == Code.SERVICE_UNAVAILABLE
        platform.refuse(IMEI, None)
        platform.refuse(IMEI, None)
        assert (await module.register()).code == Code.CREATED

    play(script)


@pytest.mark.parametrize(
    ("code", "path", "answer"),
    [
        (Code.GET, ("rd",), Code.METHOD_NOT_ALLOWED),
        (Code.DELETE, ("rd",), Code.METHOD_NOT_ALLOWED),
        (Code.POST, ("bs",), Code.NOT_FOUND),
        (Code.POST, (), Code.NOT_FOUND),
        (Code.POST, ("rd", "0", "0"), Code.NOT_FOUND),
        (Code.POST, ("rd", ""), Code.NOT_FOUND),
        (Code.GET, (".well-known", "core"), Code.NOT_FOUND),
        (Code.POST, ("rd",), Code.BAD_REQUEST),
    ],
)
def test_other_requests_are_refused(code: Code, path: tuple[str, ...], answer: Code) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        assert (await module.request(code, path, [], b"")).code == answer
        assert len(platform.store) == 0

    play(script)


def test_a_registration_can_only_be_updated_or_deleted() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.register()
        assert (await module.request(Code.GET, module.location, [], b"")).code == Code.METHOD_NOT_ALLOWED
        assert platform.store[IMEI].registered

    play(script)


def test_a_platform_that_is_down_is_silent() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect()
        platform.down = True
        lost = module.notify(b"lost")
        downlink = platform.downlink(IMEI, b"a")
        await asyncio.sleep(200)
        assert module.outcomes[lost] == "timeout"
        assert (device.uplinks, module.written) == ([], [])
        assert downlink.state is DownlinkState.QUEUED
        platform.down = False
        con = module.notify(b"back")
        await asyncio.sleep(1)
        assert module.outcomes[con] == "ack"
        assert module.written == [b"a"]

    play(script, Aep)


@pytest.mark.parametrize("confirmable", [True, False])
def test_a_restart_keeps_registrations_and_loses_observations(confirmable: bool) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect("lt=900")
        address = platform.address
        await platform.stop()
        await platform.stop()
        assert (device.registered, device.observed) == (True, False)
        await asyncio.sleep(300)
        queued = platform.downlink(IMEI, b"a")
        await platform.start()
        await platform.start()
        assert platform.address == address
        reset = module.notify(b"who?", confirmable=confirmable)
        await asyncio.sleep(1)
        assert module.outcomes[reset] == "rst"
        assert queued.state is DownlinkState.QUEUED
        await module.connect("lt=900")
        assert queued.state is DownlinkState.DELIVERED
        assert device.uplinks == []

    play(script)


def test_an_update_after_a_restart_is_accepted() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect("lt=900")
        await platform.stop()
        await platform.start()
        assert (await module.update()).code == Code.CHANGED
        await asyncio.sleep(800)
        assert device.registered
        await asyncio.sleep(200)
        assert not device.registered

    play(script)


def test_a_lifetime_that_ended_during_a_stop_is_noticed_at_the_start() -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        device = await module.connect("lt=900")
        await platform.stop()
        await asyncio.sleep(10_000)
        assert device.registered
        await platform.start()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not device.registered
        assert events(trace, "expired") == [{"endpoint": IMEI}]

    play(script)


def test_a_taken_port_is_an_error() -> None:
    async def main() -> None:
        platform, _ = make()
        await platform.start()
        second, _ = make(port=platform.address[1])
        with pytest.raises(OSError, match="in use"):
            await second.start()
        await platform.stop()
        await second.start()
        await second.stop()

    clock.run(main(), virtual=True)


HEADERS = st.builds(
    lambda first, rest: bytes([0x40 | first]) + rest, st.integers(0, 63), st.binary(min_size=3, max_size=30)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=60) | HEADERS, max_size=20))
def test_noise_does_not_disturb(noise: list[bytes]) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        await module.connect()
        stranger = PlainSocket()
        for data in noise:
            stranger.send(data, platform.address)
            module.socket.send(data, platform.address)
        await asyncio.sleep(1)
        stranger.close()
        con = module.notify(b"still here")
        await asyncio.sleep(1)
        assert module.outcomes[con] == "ack"
        assert platform.store[IMEI].uplinks[-1].payload == b"still here"

    play(script, Aep)


@given(st.binary(min_size=1, max_size=60), st.sampled_from(["rd", "19"]))
@settings(max_examples=40, deadline=None)
def test_any_request_body_is_answered(body: bytes, path: str) -> None:
    async def script(platform: Platform, module: FakeModule, trace: Trace) -> None:
        response = await module.request(Code.POST, (path,), ["lwm2m=1.0", "ep=x"], body)
        assert response.code in (Code.CREATED, Code.BAD_REQUEST, Code.NOT_FOUND)

    play(script)


def test_two_platforms_do_not_disturb_each_other() -> None:
    async def main() -> None:
        modules = []
        for kind in (CtIot, Aep):
            platform, _ = make(kind)
            await platform.start()
            modules.append(FakeModule(platform))
        for module in modules:
            await module.connect()
            module.notify(module.platform.name.encode())
        await asyncio.sleep(1)
        for module in modules:
            (uplink,) = module.platform.store[IMEI].uplinks
            assert uplink.payload == module.platform.name.encode()
            module.close()
            await module.platform.stop()

    clock.run(main(), virtual=True)


class Crowd:
    """A thousand modules behind one address: registers them all and lets every observation succeed."""

    def __init__(self, platform: Platform, size: int) -> None:
        self.platform = platform
        self.size = size
        self.endpoint = Endpoint(PlainSocket(), self, stream=random.Random("crowd"))

    async def render_to_pipe(self, pipe: Pipe) -> None:
        pipe.add_response(Message(code=Code.CONTENT, observe=0), is_last=False)

    async def connect(self) -> None:
        for number in range(self.size):
            queries = ["lwm2m=1.0", f"ep={number:015}", "b=U", "lt=86400"]
            message = Message(code=Code.POST, uri_path=("rd",), uri_query=queries, payload=b"</1/0>,</19/0>")
            response = await self.endpoint.ask(message, self.platform.address, blockwise=False)
            assert response.code == Code.CREATED
        await asyncio.sleep(SETTLED)


def test_a_thousand_devices() -> None:
    async def main() -> None:
        platform, _ = make()
        await platform.start()
        crowd = Crowd(platform, 1000)
        await crowd.connect()
        assert sum(device.observed for device in platform.store) == 1000
        await asyncio.sleep(86400)
        assert not any(device.registered for device in platform.store)
        crowd.endpoint.close()
        await platform.stop()

    clock.run(main(), virtual=True)


def test_the_same_stream_gives_the_same_bytes() -> None:
    async def main() -> list[bytes]:
        platform, trace = make(trace_datagrams=True)
        await platform.start()
        module = FakeModule(platform)
        await module.connect()
        module.notify(b"data")
        await asyncio.sleep(1)
        module.close()
        await platform.stop()
        return [record.fields["data"] for record in trace.recent() if record.layer == "coap"]

    first, second = clock.run(main(), virtual=True), clock.run(main(), virtual=True)
    assert first == second
    assert len(first) == 8
