"""Scenario files: what they may say, and that it happens when it shall."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from modemsim import clock
from modemsim.options import OptionError, Options
from modemsim.port.memory_port import MemoryPort
from modemsim.scenario import PLACES, ScenarioError, load
from modemsim.simulation import Simulation

EXAMPLE = Path(__file__).parents[1] / "examples" / "commuter.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "s.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[step]]\nat = '1s'\n", "s.toml: step.0: give exactly one of place, network, power, sim, wake, send, "
         "fault, clear_faults"),
        ("[[step]]\nplace = 'lift'\n", "s.toml: step.0: give either at or on"),
        ("[[step]]\nat = '1s'\nplace = 'moon'\n", "s.toml: the file: there is no place 'moon'; there are desk"),
        ("[[step]]\nat = '1s'\nplaec = 'lift'\n", "s.toml: step.0.plaec: unknown key"),
        ("[[step]]\nat = 'soon'\nwake = true\n", "s.toml: step.0.at: 'soon' is not a duration"),
        ("[[step]]\nat = '1s'\nfault = 'x'\n", "s.toml: step.0: there is no fault 'x'"),
        ("[[step]]\nat = '1s'\nfault = 'urc'\n", "s.toml: step.0: the fault urc needs line"),
        ("[[step]]\nat = '1s'\nwake = true\nparameters = {a = 1}\n", "parameters belong to a fault"),
        ("[[step]", "s.toml: not valid TOML"),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, text: str, sentence: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ScenarioError) as error:
        load(path)
    assert sentence in str(error.value)


def run(scenario: Path, seconds: float, say: dict[float, str], seed: int = 1) -> list[dict[str, Any]]:
    async def main() -> list[dict[str, Any]]:
        simulation = Simulation(Options("bc260y", seed=seed, scenario=scenario))
        records: list[dict[str, Any]] = []
        simulation.trace.subscribe(lambda record: records.append(json.loads(record.to_json())))
        port = MemoryPort()
        await simulation.start(port)
        loop = asyncio.get_running_loop()
        for instant, line in say.items():
            loop.call_at(instant, port.host_write, line.encode() + b"\r")
        await asyncio.sleep(seconds)
        await simulation.stop()
        return records

    return clock.run(main(), virtual=True)


HOST = {
    20.0: "AT+QSCLK=0",
    21.0: 'AT+NCDPOPEN="221.229.214.202"',
    1600.0: "AT+NMGS=1,01,100",
}


def test_the_example_happens() -> None:
    records = run(EXAMPLE, 1800, HOST)
    steps = [
        (record["t"], record["does"], record["what"]) for record in records if record["layer"] == "scenario"
    ]
    observed = next(record["t"] for record in records if record["event"] == "cloud.observed")
    acked = next(record["t"] for record in records if record["event"] == "cloud.report_acked")
    assert steps == [
        (pytest.approx(observed + 10), "send", "0102"),
        (300.0, "place", "lift"),
        (420.0, "place", "garage"),
        (1200.0, "fault", "platform_silent"),
        (1500.0, "clear_faults", True),
        (1500.0, "place", "desk"),
        (pytest.approx(acked), "fault", "reboot"),
    ]
    assert any(record["event"] == "reset" for record in records if record["layer"] == "power")


def test_events_may_count_more_than_once(tmp_path: Path) -> None:
    path = write(tmp_path, "[[step]]\non = 'emm'\ntimes = 2\nnetwork = {sinr = 3}\n[[step]]\non = 'rrc'\ntimes = 0\n"
                 "place = 'desk'\n")  # fmt: skip
    records = run(path, 600, {})
    does = [record["does"] for record in records if record["layer"] == "scenario"]
    assert does.count("network") == 2
    assert does.count("place") == sum(
        record["layer"] == "ue" and record["event"] == "rrc" for record in records
    )


def test_a_value_the_network_refuses_is_traced_and_the_rest_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path, "[[step]]\nat = '1s'\nnetwork = {moon = 3}\n[[step]]\nat = '2s'\nplace = 'lift'\n")
    events = [
        (record["event"], record["number"]) for record in run(path, 10, {}) if record["layer"] == "scenario"
    ]
    assert events == [("step", 1), ("failed", 1), ("step", 2)]


def test_every_place_is_one_the_network_takes() -> None:
    from modemsim.radio import Network

    async def main() -> None:
        for values in PLACES.values():
            Network().patch(**values)

    clock.run(main(), virtual=True)


def test_a_file_that_is_missing_is_one_sentence() -> None:
    async def main() -> None:
        with pytest.raises(OptionError, match=r"--scenario .*nowhere\.toml: cannot be read"):
            Simulation(Options("bc260y", scenario=Path("nowhere.toml")))

    clock.run(main(), virtual=True)


def test_the_same_seed_and_scenario_give_the_same_trace_twice() -> None:
    def told() -> list[dict[str, Any]]:
        records = run(EXAMPLE, 1800, HOST, seed=7)
        for record in records:
            for key, value in record.items():
                if str(value).startswith("127.0.0.1:"):
                    record[key] = "127.0.0.1:*"
        return records

    first, second = told(), told()
    assert len(first) > 100
    assert first == second
