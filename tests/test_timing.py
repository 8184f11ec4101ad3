"""Named delays: what they parse from, and that no name disturbs another."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.timing import Delay, Timing, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("35ms", 0.035), ("1.2s", 1.2), ("2min", 120), ("1h", 3600), ("5 us", 5e-6)],
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "5", "s", "-1s", "1 day", "1.2.3s"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="write a number and one of us, ms, s, min, h"):
        parse_duration(text)


@pytest.mark.parametrize("value", [["1s"], ["2s", "1s", "3s"], 5, {"file": "x"}, None])
def test_what_is_no_delay_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"order|write"):
        Delay.parse(value)


@given(st.integers(0, 10_000))
def test_a_triangular_delay_stays_within_its_bounds(seed: int) -> None:
    timing = Timing({"a": Delay(1.0, 2.0, 9.0)}, seed)
    assert all(1.0 <= timing.draw("a") <= 9.0 for _ in range(20))


def test_a_recording_is_drawn_from(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("0.5\n0.7\n")
    delay = Delay.parse({"samples": str(tmp_path / "r.csv")})
    assert {Timing({"r": delay}, seed).draw("r") for seed in range(30)} == {0.5, 0.7}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "holds no samples"),
        (b"0.5\nsoon\n", "is no column of seconds: could not convert string to float: 'soon'"),
        (b"\xff\n", "is no column of seconds"),
        (b"0.5\n-1\n", "holds what is no duration"),
        (b"nan\n", "holds what is no duration"),
    ],
)
def test_a_recording_that_cannot_be_used_is_one_sentence(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    if content is not None:
        (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(ValueError, match=rf"r\.csv {problem}"):
        Delay.parse({"samples": str(tmp_path / "r.csv")})


def test_adding_a_delay_never_shifts_another() -> None:
    alone = Timing({"a": Delay(0, 1, 2)}, 7)
    beside = Timing({"a": Delay(0, 1, 2), "b": Delay(0, 1, 2)}, 7)
    drawn = []
    for _ in range(5):
        beside.draw("b")
        drawn.append(beside.draw("a"))
    assert drawn == [alone.draw("a") for _ in range(5)]


def test_seeds_differ_and_repeat() -> None:
    def draws(seed: int) -> list[float]:
        timing = Timing({"a": Delay(0, 1, 2)}, seed)
        return [timing.draw("a") for _ in range(5)]

    assert draws(1) == draws(1)
    assert draws(1) != draws(2)


def test_an_unknown_delay_is_an_error() -> None:
    with pytest.raises(KeyError):
        Timing({}).draw("nothing")


def test_dice_fall_as_the_seed_says_and_anew_each_time() -> None:
    def rolls(seed: int, name: str) -> list[float]:
        timing = Timing({}, seed)
        return [timing.dice(name).random() for _ in range(3)]

    assert rolls(7, "ip") == rolls(7, "ip")
    assert len({*rolls(7, "ip"), *rolls(8, "ip"), *rolls(7, "noise")}) == 9
