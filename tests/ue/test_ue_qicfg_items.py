"""Items of AT+QICFG under any values: refused as a whole, or told back as they were set."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.result import Refusal
from modemsim.commands.qicfg_ec800e import ITEMS
from modemsim.commands.socket_items import Item
from modemsim.profile import load

FACTORY = {key: setting.default for key, setting in load("ec800e").settings.items()}
NUMBERS = st.integers(-2, 90000).map(str)
WORDS = st.sampled_from(["", "AA", "00ff", "abc", "zz", "x" * 900]) | st.text(max_size=8)
VALUES = st.lists(st.none() | NUMBERS | st.integers(0, 12).map(str) | WORDS, max_size=6)


class Kept:
    """Settings in memory."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = copy.deepcopy(FACTORY)

    def get(self, key: str) -> Any:
        return self.values[key]

    def set(self, key: str, value: Any) -> None:
        self.values[key] = value


@given(st.sampled_from(ITEMS), VALUES)
def test_any_values_are_refused_as_a_whole_or_told_back(item: Item, values: list[str | None]) -> None:
    settings: Any = Kept()
    try:
        item.change(settings, values)
    except Refusal:
        assert settings.values == FACTORY
        return
    line = item.told(settings, values[:1])
    assert line.startswith(f'+QICFG: "{item.name}",')
    given = line.removeprefix(f'+QICFG: "{item.name}",').split(",")
    again: Any = Kept()
    if '"' not in line:
        item.change(again, given)
        assert again.values == settings.values


@given(st.sampled_from([item for item in ITEMS if item.by_socket is not None]), st.integers(0, 11))
def test_switching_off_forgets_a_socket_and_no_other(item: Item, id: int) -> None:
    settings: Any = Kept()
    start = ("30", "AA") if item.name == "send/auto" else ("AA",)
    other = str((id + 1) % 12)
    item.change(settings, (str(id), *start))
    item.change(settings, (other, *start))
    item.change(settings, (str(id), str(item.off)))
    assert list(settings.get(item.keys[0])) == [other]
    assert item.told(settings, (str(id),)).split(",")[2:] in (["0"], ['""'])
    assert FACTORY[item.keys[0]] == {}
