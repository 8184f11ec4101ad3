"""AEP's service commands and decoded uplinks through the control API, with a real platform behind it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import httpx

from modemsim import clock
from modemsim.control.app import create_platform_app
from modemsim.platforms.base import Platform
from modemsim.platforms.china_telecom import Aep, CtIot
from modemsim.platforms.store import Uplink
from modemsim.trace import Trace

NAME = "urn:imei:868543060974334"


def with_platform(
    use: Callable[[httpx.AsyncClient, Platform], Awaitable[None]], kind: type[Platform] = Aep
) -> None:
    async def main() -> None:
        trace = Trace(asyncio.get_running_loop().time)
        platform = kind(trace=trace, stream=random.Random(1))
        device = platform.store.provision("868543060974334")
        device.registered = True
        world = SimpleNamespace(trace=trace, platforms={platform.name: platform}, connected={})
        transport = httpx.ASGITransport(create_platform_app(world))
        base = f"http://sim/api/v1/platforms/{platform.name}/devices"
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            await use(client, platform)

    clock.run(main(), virtual=True)


def test_a_service_command_and_its_response() -> None:
    async def use(client: httpx.AsyncClient, platform: Platform) -> None:
        body = {"payload_hex": "623132333031", "service_id": 8002, "variable": True}
        answer = await client.post(f"/{NAME}/downlinks", json=body)
        assert answer.status_code == 202
        record = answer.json()
        assert record["payload_hex"] == f"061F42{record['task_id']:04X}00080006623132333031"
        assert (record["state"], record["response_hex"]) == ("queued", None)
        downlink = platform.store[NAME].downlinks[record["id"]]
        downlink.state, downlink.response = type(downlink.state).COMPLETED, b"\x00"
        record = (await client.get(f"/{NAME}/downlinks/{record['id']}")).json()
        assert (record["state"], record["response_hex"]) == ("completed", "00")

    with_platform(use)


def test_a_fixed_body_goes_out_as_it_is() -> None:
    async def use(client: httpx.AsyncClient, platform: Platform) -> None:
        answer = await client.post(f"/{NAME}/downlinks", json={"payload_hex": "0102", "service_id": 1})
        assert answer.json()["payload_hex"] == "060001000100020102"

    with_platform(use)


def test_what_is_refused() -> None:
    async def use(client: httpx.AsyncClient, platform: Platform) -> None:
        for body, status, detail in [
            ({"payload_hex": "00", "service_id": 65536}, 422, "service_id: "),
            ({"payload_hex": "00", "variable": True}, 422, "variable: only the body of a service command"),
            ({"payload_hex": "00" * 65536, "service_id": 1}, 422, "go up to 65535"),
        ]:
            answer = await client.post(f"/{NAME}/downlinks", json=body)
            assert answer.status_code == status
            assert detail in answer.json()["detail"]

    with_platform(use)


def test_a_platform_without_services_says_so() -> None:
    async def use(client: httpx.AsyncClient, platform: Platform) -> None:
        answer = await client.post(f"/{NAME}/downlinks", json={"payload_hex": "00", "service_id": 1})
        assert (answer.status_code, answer.json()) == (
            409,
            {"detail": "the platform ct-iot has no service commands"},
        )

    with_platform(use, CtIot)


def test_uplinks_are_shown_decoded_where_they_are_of_the_codec() -> None:
    async def use(client: httpx.AsyncClient, platform: Platform) -> None:
        uplinks = platform.store[NAME].uplinks
        for payload in ("68656C6C6F20776F726C64", "02000100080006313233343536", "862329001A000100"):
            uplinks.append(Uplink(1.0, "/19/0/0", bytes.fromhex(payload), "CON", 1))
        plain, report, answer = (await client.get(f"/{NAME}/uplinks")).json()
        assert (plain["payload_base64"], plain["decoded"]) == ("aGVsbG8gd29ybGQ=", None)
        assert report["decoded"] == {
            "kind": "data_report",
            "service_id": 1,
            "task_id": None,
            "body_hex": "0006313233343536",
            "value_hex": "313233343536",
        }
        assert answer["decoded"] == {
            "kind": "command_response",
            "service_id": 9001,
            "task_id": 26,
            "body_hex": "00",
            "value_hex": None,
        }

    with_platform(use)


def test_power_saving_is_set_by_the_owner() -> None:
    async def use(client: httpx.AsyncClient, platform: Platform) -> None:
        answer = await client.patch(f"/{NAME}", json={"power_saving": True})
        assert (answer.status_code, answer.json()["power_saving"]) == (200, True)
        assert platform.store[NAME].power_saving
        assert (await client.patch("/nobody", json={"power_saving": True})).status_code == 404

    with_platform(use)
