"""The lines that the start of a run proposes: pasted one after another, each is carried out."""

from __future__ import annotations

import asyncio

import pytest
from ue_bench import Bench, on_bench

from modemsim.profile import available

OWN = "864000000000013"


@pytest.mark.parametrize("imei", [None, OWN])
@pytest.mark.parametrize("profile", available())
def test_every_line_is_carried_out_under_the_imei_of_the_module(profile: str, imei: str | None) -> None:
    async def work(bench: Bench) -> None:
        simulation = bench.simulation
        await bench.say(b"AT\r")
        await bench.attached()
        number = simulation.ue.identity.imei
        for line in simulation.profile.paste.filled(number):
            assert (await bench.ask(line))[-1] == "OK", line
            await asyncio.sleep(8)
            bench.port.host_read()
        devices = simulation.platforms["ct-iot"].store
        if len(simulation.profile.paste.lines[-1]) > len("AT+CEREG?"):
            assert [(device.endpoint, len(device.uplinks)) for device in devices] == [(number, 1)]
        assert imei in (None, number)

    on_bench(work, profile, imei=imei)
