"""A barred cell, and moving to another one that is better."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from radio_bench import Bench, play

from modemsim.radio.reselection import HYSTERESIS

OTHER = {"cell_id": 0x1234567, "pci": 17, "rsrp": -80}


def records(bench: Bench, event: str) -> list[dict[str, Any]]:
    return [dict(record.fields) for record in bench.trace.recent() if record.event == event]


def test_a_barred_cell_takes_nobody_until_it_is_open() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(100)
        assert bench.radio.emm.stat == 2
        assert bench.radio.signal().rsrp is None
        assert len(records(bench, "cell_barred")) == 1
        bench.network.patch(barred=False)
        await asyncio.sleep(5 + 3)
        assert bench.radio.emm.stat == 1

    play(body, barred=True)


def test_a_connected_module_stays_until_its_release_and_then_searches() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        bench.network.patch(barred=True)
        await asyncio.sleep(1)
        assert bench.radio.reachable
        assert bench.radio.signal().rsrp is not None
        bench.taken()
        await asyncio.sleep(60)
        assert [(at, event, shown) for at, event, shown in bench.taken() if event in ("rrc", "emm")] == [
            (23.0, "rrc", 0),
            (33.0, "emm", 2),  # ten seconds out of coverage
        ]
        assert not bench.radio.reachable
        bench.network.patch(barred=False)
        await asyncio.sleep(10)
        assert bench.radio.attached
        assert bench.radio.ip is not None

    play(body)


def test_an_attach_under_way_is_finished_on_a_cell_that_is_barred_meanwhile() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(2.9)
        bench.network.patch(barred=True)
        await asyncio.sleep(1)
        assert bench.radio.attached

    play(body)


def test_a_search_that_finds_the_cell_barred_takes_the_neighbour() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.switch_on()
        await asyncio.sleep(3)
        assert bench.radio.attached
        assert bench.network.cell_id == OTHER["cell_id"]
        assert bench.network.neighbour is not None
        assert bench.network.neighbour.barred

    play(body, barred=True, neighbour=OTHER)


@pytest.mark.parametrize(("better", "moves"), [(HYSTERESIS - 1, False), (HYSTERESIS, True)])
def test_an_idle_module_moves_to_a_cell_that_is_better_by_the_hysteresis(better: int, moves: bool) -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        was = bench.network.serving
        bench.network.patch(neighbour={**OTHER, "rsrp": was.rsrp + better})
        await asyncio.sleep(10)
        assert bench.network.cell_id == was.cell_id  # connected: there is no handover
        bench.taken()
        await asyncio.sleep(60)
        assert (bench.network.cell_id == OTHER["cell_id"]) is moves
        assert [event for _, event, _ in bench.taken() if event == "emm"] == ["emm"] * moves
        if moves:
            assert bench.network.neighbour == was
            assert bench.radio.rrc.name == "IDLE"  # the same tracking area: nobody is told
            assert records(bench, "tau") == []

    play(body)


def test_another_tracking_area_is_told_by_an_update() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(30)
        bench.network.patch(neighbour={**OTHER, "tac": 0x77})
        await asyncio.sleep(2.5)
        assert bench.radio.connected
        assert len(records(bench, "tau")) == 1
        assert bench.network.tac == 0x77

    play(body)


def test_a_cell_that_is_better_for_a_moment_only_changes_nothing() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(30)
        bench.network.patch(neighbour=OTHER)
        await asyncio.sleep(1.5)
        bench.network.patch(neighbour=None)
        await asyncio.sleep(60)
        bench.network.patch(neighbour={**OTHER, "barred": True})
        await asyncio.sleep(60)
        assert bench.network.cell_id != OTHER["cell_id"]

    play(body)


def test_a_module_that_may_not_reselect_stays_until_its_cell_is_barred() -> None:
    async def body(bench: Bench) -> None:
        bench.radio.reselection.allowed = lambda: False
        await bench.attached()
        was = bench.network.cell_id
        bench.network.patch(neighbour=OTHER)
        await asyncio.sleep(100)
        assert bench.network.cell_id == was
        bench.network.patch(barred=True)
        await asyncio.sleep(10 + 5 + 3 + 0.5)
        assert bench.network.cell_id == OTHER["cell_id"]
        assert bench.radio.attached

    play(body)


def test_a_module_without_power_does_not_move() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        await asyncio.sleep(30)
        bench.network.patch(neighbour=OTHER)
        bench.radio.kill()
        await asyncio.sleep(60)
        assert bench.network.cell_id != OTHER["cell_id"]

    play(body)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"pci": 1}, "neighbour: cell_id, rsrp of the cell is missing"),
        ({**OTHER, "colour": 1}, "neighbour: a cell has no value 'colour'; it has cell_id, tac, earfcn, pci"),
        ({**OTHER, "rsrp": -200}, "neighbour: -200 is not a whole number from -156 to -30"),
        (7, "neighbour: 7 is neither a table of values nor null"),
    ],
)
def test_a_neighbour_that_cannot_be_is_one_sentence(value: Any, sentence: str) -> None:
    async def body(bench: Bench) -> None:
        with pytest.raises(ValueError, match=sentence):
            bench.network.patch(neighbour=value)
        assert bench.network.neighbour is None

    play(body)


def test_an_outage_of_a_barred_cell_is_noticed_while_connected_and_its_end_leads_nowhere() -> None:
    async def body(bench: Bench) -> None:
        await bench.attached()
        bench.network.patch(barred=True)
        await asyncio.sleep(1)
        bench.network.patch(outage=True)
        await asyncio.sleep(10.5)
        assert bench.radio.emm.stat == 2
        assert not bench.radio.connected
        bench.network.patch(outage=False)
        await asyncio.sleep(60)
        assert bench.radio.emm.stat == 2
        bench.network.patch(neighbour=OTHER, barred=False)
        await asyncio.sleep(20)
        assert bench.radio.attached

    play(body)


@pytest.mark.parametrize("seed", range(30))
def test_whatever_the_network_does_the_module_ends_where_it_lets_it(seed: int) -> None:
    async def body(bench: Bench) -> None:
        stream = random.Random(seed)
        problems: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: problems.append(context))
        bench.radio.switch_on()
        for _ in range(60):
            change = stream.choice(
                [
                    {"outage": stream.random() < 0.3},
                    {"barred": stream.random() < 0.4},
                    {
                        "neighbour": stream.choice(
                            [None, OTHER, {**OTHER, "barred": True}, {**OTHER, "tac": 9}]
                        )
                    },
                    {"rsrp": stream.randint(-120, -60)},
                    {"congested": stream.random() < 0.2},
                ]
            )
            bench.network.patch(**change)
            if stream.random() < 0.1:
                await stream.choice([bench.radio.detach, bench.radio.switch_off])()
                bench.radio.switch_on()
                bench.radio.start_attach()
            await asyncio.sleep(stream.choice([0.1, 1, 5, 30]))
        bench.network.patch(outage=False, barred=False, congested=False, neighbour=None)
        await asyncio.sleep(60)
        bench.radio.start_attach()
        await asyncio.sleep(60)
        assert bench.radio.attached
        assert problems == []

    play(body)
