"""ICMP echo over the bearer: who answers, how long it takes, what fails."""

from __future__ import annotations

import asyncio

import pytest

from modemsim import clock
from modemsim.net.ping import Echo, ping
from modemsim.net.routes import Routes

PLATFORM = "180.101.147.115"


class Link:
    """A radio that is connected after `setup` seconds, or never."""

    ip = "100.64.0.1"
    connected = reachable = True

    def __init__(self, setup: float | None = 0.5, losses: tuple[bool, ...] = ()) -> None:
        self.setup = setup
        self.losses = list(losses)
        self.told: list[bool] = []

    async def connect(self) -> None:
        if self.setup is None:
            raise ConnectionError("out of coverage")
        await asyncio.sleep(self.setup)

    def activity(self, rai: int = 0, *, downlink: bool = False, lasting: float = 0.0) -> None:
        self.told.append(downlink)

    def latency(self) -> float:
        return 0.2

    def lost(self) -> bool:
        return self.losses.pop(0) if self.losses else False


def asked(link: Link, host: str = PLATFORM, seconds: float = 10.0) -> tuple[Echo | None, float]:
    async def main() -> tuple[Echo | None, float]:
        routes = Routes({"ct-iot": ("127.0.0.1", 5683)}, [(("192.0.2.9", 5683), ("127.0.0.1", 5683))])
        echo = await ping(link, routes, host, seconds)
        return echo, asyncio.get_running_loop().time()

    return clock.run(main(), virtual=True)


def test_a_platform_in_the_box_answers_after_setup_and_both_ways() -> None:
    echo, now = asked(Link())
    assert echo == Echo(ttl=54, rtt=900)
    assert now == pytest.approx(0.9)


def test_a_routed_host_answers_and_an_unknown_one_is_silent() -> None:
    assert asked(Link(), "192.0.2.9")[0] is not None
    echo, now = asked(Link(), "192.0.2.10", 5.0)
    assert echo is None
    assert now == pytest.approx(5.0)


@pytest.mark.parametrize("losses", [(True,), (False, True)])
def test_a_loss_either_way_is_silence(losses: tuple[bool, ...]) -> None:
    assert asked(Link(losses=losses))[0] is None


def test_a_connection_that_takes_too_long_is_no_answer() -> None:
    echo, now = asked(Link(setup=20.0), seconds=3.0)
    assert echo is None
    assert now == pytest.approx(3.0)


def test_without_a_connection_nothing_is_sent() -> None:
    with pytest.raises(ConnectionError):
        asked(Link(setup=None))
