"""Faults over the control API, against a module that runs."""

from __future__ import annotations

import httpx

from modemsim import clock
from modemsim.control.app import create_app
from modemsim.options import Options
from modemsim.port.memory_port import MemoryPort
from modemsim.simulation import Simulation


def test_faults_are_listed_begun_and_ended() -> None:
    async def main() -> None:
        simulation = Simulation(Options("bc260y"))
        await simulation.start(MemoryPort())
        transport = httpx.ASGITransport(app=create_app(simulation))
        async with httpx.AsyncClient(transport=transport, base_url="http://module") as client:
            kinds = {kind["name"]: kind for kind in (await client.get("/api/v1/fault-kinds")).json()}
            assert kinds["delay"]["usage"] == "delay [of=] [match=] [seconds=] [times=]"
            assert all(kind["doc"].endswith(".") for kind in kinds.values())
            asked = {"name": "delay", "parameters": {"of": "urc", "seconds": "2s", "times": "all"}}
            begun = await client.post("/api/v1/faults", json=asked)
            assert begun.status_code == 201
            parameters = {"of": "urc", "match": "", "seconds": 2.0, "times": None}
            assert begun.json() == {"id": 1, "name": "delay", "parameters": parameters}
            assert (await client.get("/api/v1/faults")).json() == [begun.json()]
            assert (await client.delete("/api/v1/faults/1")).status_code == 204
            assert (await client.delete("/api/v1/faults/1")).status_code == 404
            assert (await client.delete("/api/v1/faults")).status_code == 204
            assert (await client.get("/api/v1/faults")).json() == []
            for body, sentence in (
                ({"name": "dealy"}, "there is no fault 'dealy'; did you mean delay?"),
                (
                    {"name": "reboot", "parameters": {"x": 1}},
                    "the fault reboot has no parameter 'x'; it has after",
                ),
                ({"name": "urc"}, "the fault urc needs line: the line, without CR LF"),
                (
                    {"name": "drop", "parameters": {"times": "0"}},
                    'drop: times=0: write a number from 1 or "all"',
                ),
                (
                    {"name": "host_rate", "parameters": {"rate": 0}},
                    "host_rate: rate=0: write a whole number of baud from 1",
                ),
                (
                    {"name": "host_rate", "parameters": {"rate": -5}},
                    "host_rate: rate=-5: write a whole number of baud from 1",
                ),
            ):
                refused = await client.post("/api/v1/faults", json=body)
                assert (refused.status_code, refused.json()) == (422, {"detail": sentence})
        await simulation.stop()

    clock.run(main(), virtual=True)


def test_a_fault_of_a_platform_that_is_not_there_is_refused_with_one_sentence() -> None:
    async def main() -> None:
        simulation = Simulation(Options("ec800e", platform="none"))
        await simulation.start(MemoryPort())
        transport = httpx.ASGITransport(app=create_app(simulation))
        async with httpx.AsyncClient(transport=transport, base_url="http://module") as client:
            for body, sentence in (
                ({"name": "mqtt_cut"}, "there are no built-in platforms in this run"),
                (
                    {"name": "mqtt_refuse", "parameters": {"code": "6"}},
                    "mqtt_refuse: code=6: a CONNECT is refused with 1 to 5",
                ),
            ):
                refused = await client.post("/api/v1/faults", json=body)
                assert (refused.status_code, refused.json()) == (422, {"detail": sentence})
        await simulation.stop()

    clock.run(main(), virtual=True)
