"""The secured port of a platform: keys, identities, what a device with a key may not do, and its downlinks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest
from aiocoap import Code, Message
from platforms_fake import IMEI, LINKS, SETTLED, FakeModule

from modemsim import clock
from modemsim.coap.datagram import PlainSocket
from modemsim.coap.dtls.client import DtlsClientSocket, Security
from modemsim.coap.dtls.engine import Credentials
from modemsim.coap.endpoint import Endpoint
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep
from modemsim.trace import Record, Trace

KEY = bytes(range(16))


class SecuredModule(FakeModule):
    """A client that comes over DTLS."""

    def __init__(self, platform: Platform, identity: str = IMEI, key: bytes = KEY, name: str = IMEI) -> None:
        self.credentials = Credentials(identity, key)
        super().__init__(platform, name)

    def move(self) -> None:
        self.socket = PlainSocket()
        security = Security(self.credentials)
        self.secured = DtlsClientSocket(self.socket, self.platform.secure_address, security)
        self.endpoint = Endpoint(
            self.secured, self, stream=random.Random(self.name), on_message=self._message_passed
        )

    async def request(self, code: Code, path: tuple[str, ...], queries: list[str], body: bytes) -> Message:
        message = Message(code=code, uri_path=path, uri_query=queries, payload=body)
        if body:
            message.opt.content_format = 40
        return await self.endpoint.ask(message, self.platform.secure_address)


def scene(act: Callable[[Platform], Awaitable[None]]) -> list[Record]:
    records: list[Record] = []

    async def main() -> None:
        trace = Trace(asyncio.get_running_loop().time)
        trace.subscribe(records.append)
        platform = Aep(trace=trace, stream=random.Random(1))
        await platform.start()
        try:
            await act(platform)
        finally:
            await platform.stop()

    clock.run(main(), virtual=True)
    return records


def test_a_device_with_a_key_registers_is_observed_and_commanded_in_its_session() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure(IMEI, KEY)
        module = SecuredModule(platform)
        assert (await module.register()).code == Code.CREATED
        await asyncio.sleep(SETTLED)
        assert module.observed
        device = platform.store[IMEI]
        assert device.address is not None
        assert device.address[0] == "coaps://127.0.0.1"
        downlink = platform.downlink(IMEI, b"\1\2")
        await asyncio.sleep(1)
        assert (module.written, downlink.state) == ([b"\1\2"], "delivered")
        module.secured.close()

    records = scene(act)
    assert KEY.hex() not in "".join(record.to_json() for record in records)


def test_a_device_with_a_key_is_refused_outside_its_session() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure(IMEI, KEY)
        platform.store.secure("other", b"other key", "other")
        plain = FakeModule(platform)
        assert (await plain.register()).code == Code.FORBIDDEN
        foreign = SecuredModule(platform, "other", b"other key")
        assert (await foreign.register()).code == Code.FORBIDDEN
        owner = SecuredModule(platform)
        assert (await owner.register()).code == Code.CREATED
        assert (await plain.request(Code.POST, owner.location, [], b"")).code == Code.FORBIDDEN
        assert (await plain.request(Code.DELETE, owner.location, [], b"")).code == Code.FORBIDDEN
        assert platform.store[IMEI].registered
        for module in (plain, foreign, owner):
            module.endpoint.close()

    records = scene(act)
    reasons = [record.fields["reason"] for record in records if record.event == "refused"]
    assert reasons == ["not in the DTLS session of this device"] * 4


def test_a_device_without_a_key_is_refused_in_a_session_of_another() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure("other", KEY)
        module = SecuredModule(platform, "other")
        assert (await module.register()).code == Code.FORBIDDEN
        module.endpoint.close()

    scene(act)


def test_what_is_plain_at_the_secured_port_is_not_heard() -> None:
    async def act(platform: Platform) -> None:
        module = FakeModule(platform)
        message = Message(code=Code.POST, uri_path=("rd",), payload=LINKS)
        request = module.endpoint.request(message, platform.secure_address, blockwise=False)
        await asyncio.sleep(300)
        assert request.response.exception() is not None
        module.endpoint.close()

    records = scene(act)
    assert {record.event for record in records if record.layer == "dtls"} == {"malformed"}


def test_a_platform_that_is_down_does_not_shake_hands() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure(IMEI, KEY)
        platform.down = True
        module = SecuredModule(platform)
        ended = await module.secured.secure()
        assert str(ended) == "timeout"
        module.endpoint.close()

    scene(act)


def test_both_ports_are_the_same_after_a_restart_and_sessions_are_gone() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure(IMEI, KEY)
        module = SecuredModule(platform)
        await module.register()
        addresses = platform.address, platform.secure_address
        await platform.stop()
        await platform.start()
        assert (platform.address, platform.secure_address) == addresses
        platform.lose_session(IMEI)
        assert platform.identity(platform.store[IMEI].address or ("", 0)) is None
        module.secured.renew()
        assert (await module.register()).code == Code.CREATED
        module.endpoint.close()

    scene(act)


def test_fuzzed_datagrams_at_both_ports_do_no_harm() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure(IMEI, KEY)
        stream = random.Random(3)
        noise = PlainSocket()
        for _ in range(600):
            body = stream.randbytes(stream.randrange(1, 120))
            headed = (
                bytes([stream.randrange(20, 24)])
                + b"\xfe\xfd"
                + bytes(8)
                + len(body).to_bytes(2, "big")
                + body
            )
            for address in (platform.address, platform.secure_address):
                noise.send(stream.choice([body, headed, b"\x40\x01" + body]), address)
            await asyncio.sleep(0.01)
        module = SecuredModule(platform)
        assert (await module.register()).code == Code.CREATED
        module.endpoint.close()
        noise.close()

    scene(act)


def test_an_identity_belongs_to_one_device() -> None:
    async def act(platform: Platform) -> None:
        platform.store.secure("one", KEY, "id")
        platform.store.secure("one", b"newer", "id")
        assert platform.store.key_of("id") == b"newer"
        assert platform.store.key_of("nobody") is None
        with pytest.raises(ValueError, match="the identity id belongs to the device one"):
            platform.store.secure("two", KEY, "id")
        assert "two" not in platform.store

    scene(act)
