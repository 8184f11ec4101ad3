"""Firmware updates over the control API: everything a console has, and every refusal as one sentence."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from modemsim import clock
from modemsim.control.app import create_app
from modemsim.options import Options
from modemsim.platforms.signing import Algorithm, make_keys, sign
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation
from modemsim.ue import firmware_image

SOURCE, TARGET, IMEI = "BC260YCNAAR02A02", "BC260YCNAAR02A03", "862745063975087"
PASSWORD = "Quectel123"
PROFILE = {
    "devices": [
        {
            "manufacturerName": "quectel",
            "model": "NBIoTDevice",
            "protocolType": "CoAP",
            "deviceType": "WaterMeter",
            "omCapability": {"fwUpgradeCapability": {"supportUpgrade": True, "upgradeProtocolType": "LWM2M"}},
        }
    ]
}
Call = Callable[..., Awaitable[httpx.Response]]


def on_api(test: Callable[[Simulation, MemoryPort, Call], Awaitable[None]]) -> None:
    async def main() -> None:
        simulation, port = Simulation(Options("bc260y")), MemoryPort()
        await simulation.start(port)
        transport = httpx.ASGITransport(app=create_app(simulation))
        async with httpx.AsyncClient(transport=transport, base_url="http://sim") as client:

            async def call(method: str, path: str, body: Any = None) -> httpx.Response:
                return await client.request(method, f"/api/v1/platforms/{path}", json=body)

            await test(simulation, port, call)
        await simulation.stop()

    clock.run(main(), virtual=True)


def test_an_update_from_the_profile_to_the_new_revision() -> None:
    async def test(simulation: Simulation, port: MemoryPort, call: Call) -> None:
        keys = make_keys(Algorithm.ECDSA, PASSWORD)
        added = await call("POST", "ct-iot/products", PROFILE)
        assert added.json()[0]["upgradable"] is True
        assert (await call("GET", "ct-iot/products")).json() == added.json()
        key = {"manufacturer": "quectel", "pem": keys.public.decode()}
        assert (await call("POST", "ct-iot/keys", key)).status_code == 204
        image = firmware_image.build("bc260y", SOURCE, TARGET, 4096)
        body = {
            "name": "p_signed.zip",
            "content": base64.b64encode(sign(image, "p.bin", keys.private, PASSWORD)).decode(),
            "version": TARGET,
            "manufacturer": "quectel",
            "model": "NBIoTDevice",
            "device_type": "WaterMeter",
            "source_versions": [SOURCE],
        }
        package = (await call("POST", "ct-iot/packages", body)).json()
        assert (package["name"], package["size"]) == ("p.bin", 4096)
        assert (await call("GET", "ct-iot/packages")).json() == [package]
        assert (await call("PUT", "ct-iot/groups/DFOTA", {"devices": [IMEI]})).status_code == 204
        task = await call("POST", "ct-iot/upgrades", {"name": "t", "package": "1", "group": "DFOTA"})
        assert (task.status_code, task.json()["state"]) == (201, "waiting")
        await asyncio.sleep(20)
        for _ in range(2):
            port.host_write(b'AT+NCDPOPEN="180.101.147.115",5683\r')
            await asyncio.sleep(200)
        task = (await call("GET", "ct-iot/upgrades/1")).json()
        assert task["state"] == "succeeded"
        assert task["devices"][0] == {
            "endpoint": IMEI,
            "state": "succeeded",
            "description": "Firmware updated successfully",
            "result": 1,
            "version": TARGET,
            "attempts": 1,
            "blocks": 8,
        }
        assert (await call("GET", "ct-iot/upgrades")).json() == [task]

    on_api(test)


def test_a_task_that_is_cancelled_before_its_device_is_heard() -> None:
    async def test(simulation: Simulation, port: MemoryPort, call: Call) -> None:
        body = {"name": "p.bin", "content": "AAAA", "version": TARGET, "md5": _md5(b"\0\0\0")}
        assert (await call("POST", "aep/packages", body)).status_code == 201
        await call("POST", "aep/upgrades", {"name": "t", "package": "1", "devices": [IMEI], "retries": 5})
        assert (await call("POST", "aep/upgrades/1/cancel")).json()["state"] == "cancelled"

    on_api(test)


def test_every_refusal_is_one_sentence() -> None:
    async def test(simulation: Simulation, port: MemoryPort, call: Call) -> None:
        package = {"name": "p", "content": "AAAA", "version": TARGET}
        task = {"name": "t", "package": "1"}
        cases: list[tuple[str, str, Any, int]] = [
            ("POST", "ct-iot/products", {"devices": []}, 422),
            ("POST", "ct-iot/keys", {"manufacturer": "x", "pem": ""}, 422),
            ("POST", "ct-iot/packages", package, 422),
            ("POST", "aep/packages", package, 422),
            ("POST", "aep/packages", {**package, "content": "?"}, 422),
            ("POST", "aep/packages", {**package, "versoin": "?"}, 422),
            ("POST", "aep/upgrades", {**task, "devices": [IMEI]}, 422),
            ("POST", "aep/upgrades", {**task, "group": "meters"}, 422),
            ("GET", "aep/upgrades/7", None, 404),
            ("POST", "aep/upgrades/7/cancel", None, 404),
            ("GET", "onenet/upgrades", None, 404),
        ]
        for method, path, body, status in cases:
            answer = await call(method, path, body)
            assert answer.status_code == status, (path, body)
            assert answer.json()["detail"], (path, body)

    on_api(test)


def _md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
