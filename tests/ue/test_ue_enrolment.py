"""Registration with the stored platform: one at a time, behind the session of before, not without a bearer."""

from __future__ import annotations

import asyncio

import pytest
from ue_bench import Bench, on_bench

BOOTSTRAP = "198.51.100.9"
NOWHERE = f"{BOOTSTRAP}:5683=127.0.0.1:9"


async def registers_by_hand(bench: Bench) -> None:
    """A module that leaves the registration to its host."""
    await bench.attached()
    assert await bench.ask("AT+QREGSWT=0") == ["OK"]
    await bench.simulation.power("reset")
    await bench.attached()


@pytest.mark.parametrize("profile", ["bc35", "bc28", "bc95"])
def test_a_registration_asked_for_while_the_module_leaves_comes_behind(profile: str) -> None:
    async def work(bench: Bench) -> bytes:
        await bench.attached()
        for line in ("AT+NCDP=180.101.147.115,5683", "AT+QLWSREGIND=0"):
            assert await bench.ask(line) == ["OK"]
        await bench.port.host_quiet(20)
        for line in ("AT+QLWSREGIND=1", "AT+QLWSREGIND=0"):
            assert await bench.ask(line) == ["OK"]
        assert bench.simulation.ue.cloud.closing
        heard = await bench.port.host_quiet(20)
        assert bench.simulation.ue.cloud.observed
        assert await bench.ask("AT+QLWULDATA=2,0102") == ["OK"]
        return heard

    assert on_bench(work, profile).split() == [b"+QLWEVTIND:1", b"+QLWEVTIND:0", b"+QLWEVTIND:3"]


async def asks(bench: Bench) -> list[tuple[float, str]]:
    """Instants and message ids of the requests for a bootstrap, from now on."""
    sent: list[tuple[float, str]] = []
    bench.simulation.trace.subscribe(
        lambda record: (
            sent.append((record.time, record.fields["mid"]))
            if record.layer == "coap" and record.event == "tx" and record.fields.get("path") == "/bs"
            else None
        )
    )
    for line in ("AT+QBOOTSTRAPHOLDOFF=20", f"AT+QLWSERVERIP=BS,{BOOTSTRAP},5683"):
        assert await bench.ask(line) == ["OK"]
    return sent


def test_two_requests_to_register_make_one_bootstrap() -> None:
    async def work(bench: Bench) -> None:
        await registers_by_hand(bench)
        sent = await asks(bench)
        for _ in range(2):
            assert await bench.ask("AT+QLWSREGIND=0") == ["OK"]
        await asyncio.sleep(200)
        assert len({mid for _, mid in sent}) == 1

    on_bench(work, "bc35", routes=(NOWHERE,))


def test_a_bootstrap_ends_with_the_bearer_and_begins_anew_with_the_next_one() -> None:
    async def work(bench: Bench) -> None:
        await bench.attached()
        sent = await asks(bench)
        await bench.simulation.power("reset")
        await bench.attached()
        for line in ("AT+CFUN=0", "AT+CFUN=1"):
            assert await bench.ask(line, 60) == ["OK"]
        await bench.attached()
        again = asyncio.get_running_loop().time()
        await asyncio.sleep(200)
        assert len({mid for _, mid in sent}) == 1
        assert sent[0][0] == pytest.approx(again + 20, abs=2)

    on_bench(work, "bc35", routes=(NOWHERE,))
