"""URC sources: fields translated by the profile's words, lines that depend on a quirk."""

from __future__ import annotations

from modemsim.profile import Urc, load
from modemsim.trace import Trace
from modemsim.ue.nvm import Nvm
from modemsim.ue.settings import Settings
from modemsim.ue.urcs import UrcSources

WORDS = {"code": {"4.03": 13, "*": 1}}


def printed(urc: Urc, *happened: dict[str, object], on: frozenset[str] = frozenset()) -> list[str]:
    lines: list[str] = []
    nvm = Nvm(None, "mine", Trace(lambda: 0.0))
    sources = UrcSources(
        {urc.on: [urc]},
        Settings(load("sim7020").settings, nvm),
        lambda line, in_command: lines.append(line),
        WORDS,
        lambda quirk: quirk is None or (quirk.removeprefix("!") in on) is not quirk.startswith("!"),
    )
    for values in happened:
        sources.happened("emm", values)
    return lines


def test_a_word_stands_in_for_a_field() -> None:
    urc = Urc(on="emm", line="+X: {reason},{id}", words={"reason": "code"})
    assert printed(urc, {"reason": "4.03", "id": 7}, {"reason": "timeout", "id": 8}) == [
        "+X: 13,7",
        "+X: 1,8",
    ]


def test_a_line_may_depend_on_a_quirk() -> None:
    urc = Urc(on="emm", line="+X", quirk="loud")
    assert printed(urc, {}) == []
    assert printed(urc, {}, on=frozenset({"loud"})) == ["+X"]
    assert printed(Urc(on="emm", line="+X", quirk="!loud"), {}) == ["+X"]
