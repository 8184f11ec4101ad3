"""Items of AT+QMTCFG: whatever a host writes is refused or kept, and what is told can be written again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.params import Token
from modemsim.at.result import Refusal
from modemsim.commands import mqtt_config_quectel, mqtt_ec800e
from modemsim.commands.mqtt_quectel import LengthOrMessage
from modemsim.profile import load

ITEMS = {**mqtt_config_quectel.Qmtcfg.ITEMS, **mqtt_ec800e.Qmtcfg.ITEMS}
FACTORY: dict[str, list[Any]] = {
    name: load("ec800e").settings[f"+QMTCFG.{name}"].default["default"]
    for name, item in mqtt_ec800e.Qmtcfg.ITEMS.items()
    if item.alias is None
} | {"send/mode": [0], "showrecvlen": [0], "echomode": [0]}
texts = st.lists(
    st.none() | st.integers(-2, 25000).map(str) | st.text('abc"\\,01 =ä\x00', max_size=8), max_size=6
)


@given(st.sampled_from(sorted(ITEMS)), texts)
def test_whatever_is_written_is_refused_or_can_be_told_and_written_again(
    name: str, given_texts: list[str | None]
) -> None:
    item = ITEMS[name]
    try:
        values = item.parse(given_texts, FACTORY[name])
    except Refusal:
        return
    told = item.shown(values)
    if told is not None:
        written = [None if value is None else str(value) for value in values]
        assert item.parse(written, FACTORY[name]) == values


def test_the_factory_values_are_within_the_ranges() -> None:
    for name, values in FACTORY.items():
        written = [str(value) for value in values]
        assert ITEMS[name].parse(written, values)[: len(values)] == values, name


def test_every_profile_has_factory_values_for_the_items_of_its_family() -> None:
    for profile in ("ec800e", "bc260y", "bc28-cnv"):
        kept = [key for key in load(profile).settings if key.startswith(mqtt_config_quectel.PREFIX)]
        unknown = {key.removeprefix(mqtt_config_quectel.PREFIX) for key in kept} - ITEMS.keys()
        assert not unknown, (profile, unknown)


@pytest.mark.parametrize("profile", ["bc35", "bc28", "bc95"])
def test_older_firmware_of_the_bc35_family_knows_no_mqtt(profile: str) -> None:
    assert not [name for name in load(profile).commands if name.startswith("+QMT")]


def test_a_value_that_is_left_out_stays() -> None:
    item = ITEMS["timeout"]
    assert item.parse([None, "7", None], [5, 3, 0]) == [5, 7, 0]
    assert item.parse(["9"], [5, 3, 1]) == [9, 3, 1]


@pytest.mark.parametrize(
    ("given_texts", "situation"),
    [(["1", "2", "0", "t", "m", "x"], "surplus_parameter"), (["1", "2", "0", "t"], "missing_parameter")],
)
def test_a_will_has_five_parts(given_texts: list[str | None], situation: str) -> None:
    with pytest.raises(Refusal) as refused:
        ITEMS["will"].parse(given_texts, [0])
    assert refused.value.situation == situation


def test_an_item_without_texts_has_nothing_to_tell() -> None:
    assert ITEMS["aliauth"].shown(["", "", ""]) is None
    assert ITEMS["aliauth"].shown(['a"b', "c", "d"]) == '"a\\22b","c","d"'


@pytest.mark.parametrize(
    ("token", "value"),
    [
        (Token("5"), 5),
        (Token("5", quoted=True), "5"),
        (Token("five"), "five"),
        (Token("{}"), "{}"),
        (Token("-"), "-"),
        (Token("1.5"), "1.5"),
        (Token("\u0665"), "\u0665"),
    ],
)
def test_digits_without_quotes_are_a_length(token: Token, value: Any) -> None:
    assert LengthOrMessage(100).parse(token) == value


@pytest.mark.parametrize("text", ["-1", "+1", "+-1"])
def test_a_number_with_a_sign_is_neither(text: str) -> None:
    with pytest.raises(Refusal):
        LengthOrMessage(100).parse(Token(text))
