"""The doors with TLS: the platform behind them, what does not negotiate, stop and start, and the authority's rest."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable

import httpx
import pytest

from modemsim import clock, mqtt
from modemsim.control.app import create_app
from modemsim.options import Options
from modemsim.platforms import authority
from modemsim.simulation import Simulation
from modemsim.world import World

ECHO, AEP = "echo/tls", "aep-mqtt/tls"


def in_world(work: Callable[[World], Awaitable[None]]) -> None:
    async def main() -> None:
        world = World.build(Options("ec800e"))
        await world.start()
        try:
            await work(world)
        finally:
            await world.stop()
            await asyncio.sleep(0.1)

    clock.run(main(), virtual=True)


def trusting(world: World) -> ssl.SSLContext:
    """A client that checks the box as a host would."""
    assert world.authority is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VerifyFlags(0x200000)
    context.load_verify_locations(cadata=world.authority.certificate.decode())
    return context


@pytest.mark.parametrize("name", ["echo.modemsim.test", "192.0.2.7"])
def test_the_echo_sends_back_what_came_behind_tls(name: str) -> None:
    async def work(world: World) -> None:
        where = world.addresses[ECHO]
        reader, writer = await asyncio.open_connection(*where, ssl=trusting(world), server_hostname=name)
        writer.write(bytes(range(256)) * 400)
        assert await reader.readexactly(102400) == bytes(range(256)) * 400
        writer.close()

    in_world(work)


def test_a_device_logs_in_behind_tls_and_is_the_one_it_is_without() -> None:
    async def work(world: World) -> None:
        async def login(door: str, context: ssl.SSLContext | None, secret: bytes) -> int:
            named = "x.non-nb.ctwing.cn" if context else None
            reader, writer = await asyncio.open_connection(
                *world.addresses[door], ssl=context, server_hostname=named
            )
            writer.write(mqtt.encode(mqtt.Connect("device", "any", secret)))
            (answer,) = mqtt.Decoder().feed(await reader.read(100))
            writer.close()
            assert isinstance(answer, mqtt.ConnAck)
            return answer.code

        assert await login(AEP, trusting(world), b"feature") == 0
        assert await login("aep-mqtt", None, b"another") == 4
        assert [device.endpoint for device in world.connected["aep-mqtt"].store] == ["device"]

    in_world(work)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", bytes(3000)])
def test_what_is_no_negotiation_is_cut_and_the_door_stays_open(said: bytes) -> None:
    async def work(world: World) -> None:
        reader, writer = await asyncio.open_connection(*world.addresses[ECHO])
        writer.write(said)
        if said:
            with contextlib.suppress(ConnectionError):
                assert b"hello" not in await asyncio.wait_for(reader.read(), 700)
        writer.transport.abort()
        await asyncio.sleep(1)
        where = world.addresses[ECHO]
        _, writer = await asyncio.open_connection(*where, ssl=trusting(world), server_hostname="192.0.2.7")
        writer.close()

    in_world(work)


def test_a_client_that_says_nothing_is_cut_in_the_end() -> None:
    async def work(world: World) -> None:
        reader, writer = await asyncio.open_connection(*world.addresses[ECHO])
        started = asyncio.get_running_loop().time()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()
        assert asyncio.get_running_loop().time() - started == pytest.approx(600, abs=1)

    in_world(work)


def test_a_door_that_is_down_says_nothing_and_a_stopped_one_takes_nobody() -> None:
    async def work(world: World) -> None:
        door = world.services[ECHO]
        door.down = True
        reader, writer = await asyncio.open_connection(*door.address)
        writer.write(b"\x16\x03\x01")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 1000)
        address = door.address
        await door.stop()
        await door.stop()
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        door.down = False
        await door.start()
        assert door.address == address
        _, writer = await asyncio.open_connection(*address, ssl=trusting(world), server_hostname="192.0.2.7")
        writer.close()

    in_world(work)


def test_nothing_is_signed_before_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = []
    original = authority.Authority._sign

    def sign(self: authority.Authority, *given: object) -> object:
        signed.append(given)
        return original(self, *given)

    monkeypatch.setattr(authority.Authority, "_sign", sign)

    async def work(world: World) -> None:
        assert signed == []
        assert world.authority is not None
        assert world.authority.certificate.startswith(b"-----BEGIN CERTIFICATE-----\n")
        assert len(signed) == 1

    in_world(work)


@pytest.mark.parametrize(("platform", "status"), [("builtin", 200), ("none", 404)])
def test_the_authoritys_certificate_is_served(platform: str, status: int) -> None:
    async def main() -> None:
        simulation = Simulation(Options("ec800e", platform=platform))
        transport = httpx.ASGITransport(create_app(simulation, "token"))
        async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:
            assert (await client.get("/api/v1/platforms/ca.pem")).status_code == 401
            bearer = {"Authorization": "Bearer token"}
            answer = await client.get("/api/v1/platforms/ca.pem", headers=bearer)
        assert answer.status_code == status
        if status == 200:
            assert simulation.world.authority is not None
            assert answer.content == simulation.world.authority.certificate
            assert answer.headers["content-type"] == "application/x-pem-file"
        else:
            assert answer.json() == {"detail": "this run has no platforms of its own"}

    clock.run(main(), virtual=True)
