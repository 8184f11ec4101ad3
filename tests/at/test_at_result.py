"""Result codes, error groups and wordings."""

from __future__ import annotations

import pytest

from modemsim.at.result import NUMERIC, ErrorGroup, ErrorTable, Final, Refusal
from modemsim.at.wordings import CME_TEXTS

TABLE = ErrorTable(
    {
        "general": ErrorGroup({"bad_value": 50, "not_attached": 30, "unknown_command": None, "odd": 4}),
        "cloud": ErrorGroup({"bad_value": 3, "odd_hex": 17, "vendor": 955}, numeric_only=True),
        "ctm2m": ErrorGroup({"bad_value": 3, "*": 1}, prefix="+CTM2M ERROR: ", then="OK", always=True),
        "socket": ErrorGroup({"*": None}),
    },
    CME_TEXTS,
)


@pytest.mark.parametrize(
    ("group", "situation", "cmee", "lines"),
    [
        ("general", "bad_value", 0, ["ERROR"]),
        ("general", "bad_value", 1, ["+CME ERROR: 50"]),
        ("general", "bad_value", 2, ["+CME ERROR: Incorrect parameters"]),
        ("general", "unknown_command", 1, ["ERROR"]),
        ("general", "unheard_of", 2, ["ERROR"]),
        ("cloud", "bad_value", 1, ["+CME ERROR: 3"]),
        ("cloud", "odd_hex", 2, ["+CME ERROR: 17"]),
        ("cloud", "not_attached", 2, ["+CME ERROR: no network service"]),
        ("ctm2m", "bad_value", 0, ["+CTM2M ERROR: 3", "OK"]),
        ("ctm2m", "internal", 1, ["+CTM2M ERROR: 1", "OK"]),
        ("socket", "bad_value", 2, ["ERROR"]),
        ("no such group", "bad_value", 1, ["+CME ERROR: 50"]),
    ],
)
def test_a_refusal_is_worded_by_its_group_and_cmee(
    group: str, situation: str, cmee: int, lines: list[str]
) -> None:
    assert TABLE.lines(group, situation, cmee) == lines


def test_a_wrong_type_counts_as_a_wrong_value_unless_listed() -> None:
    assert TABLE.number("cloud", "bad_type") == 3
    assert TABLE.number("general", "bad_type") == 50
    listed = ErrorTable({"general": ErrorGroup({"bad_value": 50, "bad_type": None})}, {})
    assert listed.lines("general", "bad_type", 1) == ["ERROR"]


def test_an_explicit_number_overrides_the_table() -> None:
    assert TABLE.lines("general", "bad_value", 1, number=14) == ["+CME ERROR: 14"]
    assert TABLE.lines("general", "bad_value", 2, number=14) == ["+CME ERROR: SIM busy"]
    assert TABLE.lines("general", "bad_value", 0, number=14) == ["ERROR"]
    assert ErrorTable({}, {}).lines("general", "bad_value", 1, number=14) == ["+CME ERROR: 14"]


def test_a_number_without_a_wording_is_shown_as_a_number() -> None:
    table = ErrorTable({"general": ErrorGroup({"vendor": 955})}, CME_TEXTS)
    assert table.lines("general", "vendor", 2) == ["+CME ERROR: 955"]


def test_a_table_says_what_it_knows() -> None:
    assert TABLE.knows("cloud", "not_attached")
    assert not TABLE.knows("cloud", "unheard_of")
    assert TABLE.knows("socket", "unheard_of")
    assert TABLE.number("general", "unheard_of") is None


def test_final_results_have_the_words_and_numbers_of_v250() -> None:
    assert NUMERIC == {
        "OK": "0",
        "CONNECT": "1",
        "RING": "2",
        "NO CARRIER": "3",
        "ERROR": "4",
        "NO DIALTONE": "6",
        "BUSY": "7",
        "NO ANSWER": "8",
    }
    assert Final.NO_CARRIER.text == "NO CARRIER"


def test_a_refusal_names_its_situation() -> None:
    assert str(Refusal("not_attached")) == "not_attached"
    assert str(Refusal("sim", 13)) == "sim (13)"
