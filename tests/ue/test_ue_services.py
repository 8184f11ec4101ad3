"""Sessions of different services on one module: what the platform sees of them."""

from __future__ import annotations

import asyncio

import pytest
from ue_bench import Bench, on_bench

from modemsim.lwm2m.policy import Policy


@pytest.mark.parametrize(
    ("lifetime", "seconds"),
    [(300, 250.0), (86400, 82045.0), (10000, 9465.0), (90, 62.0), (100, 70.0), (20, 18.0)],
)
def test_the_refresh_comes_in_pieces(lifetime: int, seconds: float) -> None:
    policy = Policy(refresh=((300, 250.0, 0.95), (100, 70.0, 0.9), (50, 30.0, 0.8)))
    assert policy.update_after(lifetime) == pytest.approx(seconds)


def test_an_aep_session_is_in_queue_mode_after_an_update() -> None:
    async def script(bench: Bench) -> None:
        simulation = bench.simulation
        await bench.attached()
        await bench.ask('AT+CTM2MINIT="221.229.214.202",5683,300,0,0')
        await bench.ask("AT+CTM2MREG")
        while simulation.ue.cloud.state != "observed":
            await asyncio.sleep(0.1)
        device = simulation.platforms["aep"].store["868334030088888"]
        assert device.endpoint == "urn:imei-imsi:868334030088888-460113030088888"
        assert (device.binding, device.lifetime, device.queue_mode) == ("U", 300, False)
        await bench.ask("AT+CTM2MUPDATE=1")
        await asyncio.sleep(5)
        assert (device.binding, device.queue_mode) == ("UQ", True)
        await bench.ask("AT+CTM2MUPDATE=0")
        await asyncio.sleep(5)
        assert (device.binding, device.queue_mode) == ("U", False)

    on_bench(script, "sim7020")


def test_a_restart_may_make_the_host_initialise_again() -> None:
    async def script(bench: Bench) -> None:
        await bench.attached()
        await bench.ask('AT+CTM2MINIT="221.229.214.202",5683,300,0,0')
        bench.simulation.ue.power("reset")
        await asyncio.sleep(10)
        assert await bench.ask("AT+CTM2MINIT?") == ["+CTM2M ERROR: 8", "OK"]

    on_bench(
        script,
        "sim7020",
        overrides=("quirks.init_lost_at_boot=true", "errors.groups.aep.numbers.not_initialised=8"),
    )


def test_the_ok_behind_an_error_can_be_left_out() -> None:
    async def script(bench: Bench) -> None:
        await bench.attached()
        assert b"+CTM2M ERROR: 4\r\n" in (answer := await bench.say(b"AT+CTM2MDEREG\r"))
        assert b"OK" not in answer

    on_bench(script, "sim7020", overrides=('errors.groups.aep.then=""',))
