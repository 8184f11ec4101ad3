"""The control API against a small simulation: every route, every error, no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from modemsim import clock
from modemsim.control.app import create_app
from modemsim.control.follow import Follower
from modemsim.platforms.downlinks import Downlink
from modemsim.platforms.store import DeviceStore, Uplink
from modemsim.radio.network import Network
from modemsim.trace import Trace

DEVICE = "/api/v1/platforms/ct-iot/devices/8627"


class FakePlatform:
    """One device, registered and observed; commands stay queued."""

    name = "ct-iot"

    def __init__(self) -> None:
        self.address = ("127.0.0.1", 40001)
        self.store = DeviceStore()
        device = self.store.provision("8627")
        device.registered = device.observed = True
        device.lifetime, device.binding, device.address = 86400, "U", ("127.0.0.1", 5000)
        device.objects = ["/1/0", "/19/0"]
        device.uplinks.append(Uplink(12.5, "/19/0/0", b"\x00ELLO", "CON", 4711))
        self.forgotten: list[str] = []

    def downlink(self, endpoint: str, payload: bytes) -> Downlink:
        downlink = Downlink("1", endpoint, payload, 0.0)
        self.store[endpoint].downlinks["1"] = downlink
        return downlink

    def decode(self, payload: bytes) -> None:
        return None

    def command(self, endpoint: str, service_id: int, body: bytes) -> Downlink:
        raise TypeError("the platform ct-iot has no service commands")

    def forget(self, endpoint: str) -> None:
        self.forgotten.append(endpoint)
        self.store[endpoint].observed = False


class FakeSimulation:
    """What the API needs of a simulation."""

    def __init__(self) -> None:
        self.trace = Trace(asyncio.get_running_loop().time)
        self.network = Network()
        self.platforms = {"ct-iot": FakePlatform()}
        self.connected: dict[str, Any] = {}
        self.powered = "on"
        self.present = True

    @property
    def world(self) -> FakeSimulation:
        return self

    def status(self) -> dict[str, Any]:
        return {
            "profile": "bc260y",
            "imei": "862745063975087",
            "imsi": "460110000000001" if self.present else None,
            "revision": "BC260YCNAAR02A02",
            "power": self.powered,
            "emm": {"state": "home", "stat": 1, "attached": True, "ip": "100.64.0.1"},
            "rrc": "idle",
            "psm": "listening",
            "chip": "awake",
            "lwm2m": {
                "state": "observed",
                "endpoint": "862745063975087",
                "server": "180.101.147.115:5683",
                "security": None,
            },
            "time": {"simulated_seconds": 12.5, "utc": "2026-01-01T00:00:12.500000+00:00"},
        }

    async def power(self, action: str) -> None:
        if action == "reset" and self.powered == "off":
            raise ValueError("the module is off")
        self.powered = "off" if action in ("off", "cut") else "on"

    def sim_present(self, present: bool) -> None:
        self.present = present


Use = Callable[[httpx.AsyncClient, FakeSimulation], Awaitable[None]]


def with_api(use: Use, *, token: str | None = None, headers: dict[str, str] | None = None) -> None:
    async def main() -> None:
        simulation = FakeSimulation()
        transport = httpx.ASGITransport(create_app(simulation, token))
        async with httpx.AsyncClient(transport=transport, base_url="http://sim", headers=headers) as client:
            await use(client, simulation)

    clock.run(main(), virtual=True)


def test_the_module() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        answer = await client.get("/api/v1/module")
        assert answer.status_code == 200
        assert answer.json() == simulation.status()

    with_api(use)


def test_power_and_sim() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        answer = await client.post("/api/v1/module/power", json={"action": "cut"})
        assert (answer.status_code, answer.json()["power"]) == (200, "off")
        answer = await client.post("/api/v1/module/power", json={"action": "reset"})
        assert (answer.status_code, answer.json()) == (409, {"detail": "the module is off"})
        answer = await client.post("/api/v1/module/sim", json={"present": False})
        assert (answer.status_code, answer.json()["imsi"]) == (200, None)
        assert simulation.present is False

    with_api(use)


def test_platforms_devices_and_uplinks() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        answer = await client.get("/api/v1/platforms")
        assert answer.json() == [{"name": "ct-iot", "address": "127.0.0.1:40001", "devices": 1}]
        heard = simulation.platforms["ct-iot"].store["8627"].last_heard
        answer = await client.get("/api/v1/platforms/ct-iot/devices")
        assert answer.json() == [
            {
                "endpoint": "8627",
                "registered": True,
                "lifetime": 86400,
                "binding": "U",
                "address": "127.0.0.1:5000",
                "psk_identity": None,
                "objects": ["/1/0", "/19/0"],
                "observed": True,
                "last_heard": heard,
                "power_saving": False,
            }
        ]
        answer = await client.get(f"{DEVICE}/uplinks")
        assert answer.json() == [
            {
                "time": 12.5,
                "path": "/19/0/0",
                "payload_hex": "00454C4C4F",
                "payload_base64": "AEVMTE8=",
                "type": "CON",
                "message_id": 4711,
                "decoded": None,
            }
        ]

    with_api(use)


def test_a_device_is_made_known_and_deleted() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        new = "/api/v1/platforms/ct-iot/devices/4711"
        answer = await client.put(new)
        assert (answer.status_code, answer.json()["registered"]) == (200, False)
        assert "4711" in simulation.platforms["ct-iot"].store
        answer = await client.put(new, json={"psk_hex": "00ff", "psk_identity": "47"})
        assert (answer.status_code, answer.json()["psk_identity"]) == (200, "47")
        assert simulation.platforms["ct-iot"].store.key_of("47") == b"\0\xff"
        assert "00ff" not in (await client.get("/api/v1/platforms/ct-iot/devices")).text
        answer = await client.put(f"{new}2", json={"psk_hex": "00", "psk_identity": "47"})
        assert answer.json() == {"detail": "the identity 47 belongs to the device 4711"}
        assert answer.status_code == 409
        assert (await client.delete(new)).status_code == 204
        assert "4711" not in simulation.platforms["ct-iot"].store
        assert (await client.delete(new)).status_code == 404

    with_api(use)


def test_downlinks() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        answer = await client.post(f"{DEVICE}/downlinks", json={"payload_hex": "aabbcc"})
        record = {"id": "1", "state": "queued", "payload_hex": "AABBCC", "reason": None, "task_id": None,
                  "response_hex": None}  # fmt: skip
        assert (answer.status_code, answer.json()) == (202, record)
        assert (await client.get(f"{DEVICE}/downlinks/1")).json() == record
        answer = await client.get(f"{DEVICE}/downlinks/2")
        assert (answer.status_code, answer.json()) == (
            404,
            {"detail": "the device '8627' has no downlink command '2'"},
        )

    with_api(use)


def test_forget_is_refused_when_nothing_is_observed() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        assert (await client.post(f"{DEVICE}/forget")).status_code == 204
        assert simulation.platforms["ct-iot"].forgotten == ["8627"]
        answer = await client.post(f"{DEVICE}/forget")
        assert answer.status_code == 409
        assert answer.json() == {"detail": "the platform ct-iot does not observe the device '8627' now"}

    with_api(use)


def test_a_neighbour_cell() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        cell = {"cell_id": 7, "pci": 3, "rsrp": -70}
        answer = await client.patch("/api/v1/network", json={"neighbour": cell, "barred": True})
        assert answer.json()["barred"] is True
        assert answer.json()["neighbour"] == {
            "cell_id": 7, "tac": 0x33C2, "earfcn": 2506, "pci": 3, "rsrp": -70, "rsrq": -5, "sinr": 10,
            "barred": False,
        }  # fmt: skip
        answer = await client.patch("/api/v1/network", json={"neighbour": {"pci": 3, "rsrp": -70}})
        assert (answer.status_code, answer.json()) == (422, {"detail": "neighbour.cell_id: Field required"})
        answer = await client.patch("/api/v1/network", json={"neighbour": {**cell, "pci": 504}})
        assert answer.json() == {"detail": "neighbour: 504 is not a whole number from 0 to 503"}
        assert (await client.patch("/api/v1/network", json={"neighbour": None})).json()["neighbour"] is None

    with_api(use)


def test_the_network() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        answer = await client.patch(
            "/api/v1/network",
            json={"coverage_level": 2, "outage": True, "latency": "1.2s", "nat_timeout": 60},
        )
        assert answer.status_code == 200
        assert answer.json() == {
            "coverage_level": 2,
            "rsrp": -128,
            "rsrq": -16,
            "sinr": -8,
            "loss": 0.05,
            "latency": [1.2, 1.2, 1.2],
            "outage": True,
            "congested": False,
            "nat_timeout": 60.0,
            "plmn": "46011",
            "tac": 0x33C2,
            "cell_id": 0x022FE6CF,
            "earfcn": 2506,
            "pci": 284,
            "band": 5,
            "apn": "ctnb",
            "zone_quarters": 32,
            "psm": True,
            "edrx": True,
            "active_time": None,
            "periodic_update": None,
            "keeps_downlinks": False,
            "barred": False,
            "neighbour": None,
        }
        answer = await client.patch("/api/v1/network", json={"latency": None, "loss": 1})
        assert (answer.json()["latency"], answer.json()["loss"]) == (None, 1.0)
        everything = (await client.patch("/api/v1/network", json={})).json()
        assert set(everything) == set(simulation.network.values())
        assert (await client.patch("/api/v1/network", json=everything)).status_code == 200

    with_api(use)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "detail"),
    [
        (
            "POST",
            "/module/power",
            {"action": "kick"},
            422,
            "action: Input should be 'on', 'off', 'reset' or 'cut'",
        ),
        ("POST", "/module/power", {}, 422, "action: Field required"),
        ("POST", "/module/power", {"action": "on", "hard": 1}, 422, "hard: there is no such field"),
        ("POST", "/module/sim", {"present": 1}, 422, "present: Input should be a valid boolean"),
        ("GET", "/platforms/aep/devices", None, 404, "there is no platform 'aep'; there are ct-iot"),
        (
            "GET",
            "/platforms/ct-iot/devices/1/uplinks",
            None,
            404,
            "the platform ct-iot knows no device '1'",
        ),
        ("POST", "/platforms/ct-iot/devices/1/forget", None, 404, "the platform ct-iot knows no device '1'"),
        (
            "POST",
            "/platforms/ct-iot/devices/8627/downlinks",
            {"payload_hex": "ABC"},
            422,
            "payload_hex: 'ABC' is not hex: write two digits for each byte",
        ),
        (
            "PATCH",
            "/network",
            {"coverage_level": 3},
            422,
            "coverage_level: 3 is not a whole number from 0 to 2",
        ),
        ("PATCH", "/network", {"loss": 2}, 422, "loss: 2.0 is not a number from 0 to 1"),
        ("PATCH", "/network", {"colour": 1}, 422, "colour: there is no such field"),
        ("PATCH", "/network", {"rsrp": None}, 422, "rsrp: None is not a whole number from -156 to -30"),
        (
            "PATCH",
            "/network",
            {"latency": "soon"},
            422,
            "latency: 'soon' is not a duration; write a number and one of us, ms, s, min, h",
        ),
        (
            "GET",
            "/nothing",
            None,
            404,
            "there is nothing at /api/v1/nothing; what there is stands in /openapi.json",
        ),
        ("DELETE", "/module", None, 405, "/api/v1/module cannot be asked with DELETE"),
    ],
)
def test_errors_are_one_sentence(method: str, path: str, body: Any, status: int, detail: str) -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        answer = await client.request(method, f"/api/v1{path}", json=body)
        assert (answer.status_code, answer.json()) == (status, {"detail": detail})

    with_api(use)


def test_a_token_is_asked_for() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}):
            answer = await client.get("/api/v1/module", headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert set(answer.json()) == {"detail"}
        answer = await client.get("/api/v1/module", headers={"Authorization": "Bearer s3cret"})
        assert answer.status_code == 200

    with_api(use, token="s3cret")


def test_the_description() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        document = (await client.get("/openapi.json")).json()
        operations = {
            f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
        }
        assert operations == {
            "GET /api/v1/module",
            "POST /api/v1/module/power",
            "GET /api/v1/module/energy",
            "POST /api/v1/module/sim",
            "POST /api/v1/module/wake",
            "POST /api/v1/platforms/{name}/products",
            "GET /api/v1/platforms/{name}/products",
            "POST /api/v1/platforms/{name}/keys",
            "PUT /api/v1/platforms/{name}/groups/{group}",
            "POST /api/v1/platforms/{name}/packages",
            "GET /api/v1/platforms/{name}/packages",
            "POST /api/v1/platforms/{name}/upgrades",
            "GET /api/v1/platforms/{name}/upgrades",
            "GET /api/v1/platforms/{name}/upgrades/{id}",
            "POST /api/v1/platforms/{name}/upgrades/{id}/cancel",
            "GET /api/v1/platforms",
            "GET /api/v1/platforms/ca.pem",
            "GET /api/v1/platforms/{name}/devices",
            "PATCH /api/v1/platforms/{name}/devices/{endpoint}",
            "GET /api/v1/platforms/{name}/devices/{endpoint}/uplinks",
            "POST /api/v1/platforms/{name}/devices/{endpoint}/downlinks",
            "GET /api/v1/platforms/{name}/devices/{endpoint}/downlinks/{id}",
            "POST /api/v1/platforms/{name}/devices/{endpoint}/forget",
            "PUT /api/v1/platforms/{name}/devices/{endpoint}",
            "DELETE /api/v1/platforms/{name}/devices/{endpoint}",
            "GET /api/v1/network",
            "PATCH /api/v1/network",
            "GET /api/v1/trace",
            "GET /api/v1/fault-kinds",
            "GET /api/v1/faults",
            "POST /api/v1/faults",
            "DELETE /api/v1/faults",
            "DELETE /api/v1/faults/{id}",
        }
        for item in document["paths"].values():
            for operation in item.values():
                assert operation["description"]
        changes = document["components"]["schemas"]["NetworkChanges"]
        assert changes["additionalProperties"] is False

    with_api(use)


def test_the_trace_as_json_lines() -> None:
    async def use(client: httpx.AsyncClient, simulation: FakeSimulation) -> None:
        simulation.trace.emit("at", "rx", line="AT")
        simulation.trace.emit("coap", "tx", data=b"\x40")
        answer = await client.get("/api/v1/trace")
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line) for line in answer.text.splitlines()] == [
            {"t": 0.0, "layer": "at", "event": "rx", "line": "AT"},
            {"t": 0.0, "layer": "coap", "event": "tx", "data": "40"},
        ]

    with_api(use)


def test_following_the_trace() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        trace = Trace(loop.time)
        follower = Follower(trace)
        trace.emit("at", "rx", line="before")
        lines = follower.lines(follow=True)
        assert json.loads(await anext(lines))["line"] == "before"
        loop.call_later(3.0, lambda: trace.emit("at", "rx", line="after"))
        assert json.loads(await anext(lines)) == {"t": 3.0, "layer": "at", "event": "rx", "line": "after"}
        loop.call_later(1.0, follower.close)
        with pytest.raises(StopAsyncIteration):
            await anext(lines)

    clock.run(main(), virtual=True)


def test_a_slow_follower_loses_the_oldest_and_is_told() -> None:
    async def main() -> None:
        trace = Trace(asyncio.get_running_loop().time)
        trace.emit("at", "rx", number=-1)
        lines = Follower(trace).lines(follow=True)
        await anext(lines)
        for number in range(10_003):
            trace.emit("at", "rx", number=number)
        assert json.loads(await anext(lines)) == {"layer": "trace", "event": "lost", "records": 3}
        assert json.loads(await anext(lines))["number"] == 3
        await lines.aclose()

    clock.run(main(), virtual=True)
