"""Command declarations: forms, `=?`, replies, entries of a profile, documentation."""

from __future__ import annotations

from typing import Any

import pytest

from modemsim.at.catalogue import Catalogue
from modemsim.at.command import Answer, Command, Entry, Form
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import Dialect
from modemsim.at.params import Bits, Choice, Hex, Ignored, Int, Text, Token
from modemsim.at.result import Refusal


def sim_ready(ue: Any) -> None:
    """The USIM is in and its PIN is given."""
    if not ue:
        raise Refusal("no_sim")


class Cpsms(Command):
    """Power saving mode: what the module asks the network for."""

    name, source = "+CPSMS", "3GPP TS 27.007 7.38"
    needs = (sim_ready,)
    errors = ("no_sim",)

    mode = Int(0, 2, doc="0 off, 1 on, 2 off and forget the timers")
    rau = Ignored(doc="2G and 3G only")
    ready = Ignored(doc="2G and 3G only")
    tau = Bits(8, optional=True, doc="T3412 extended")
    active = Bits(8, default="00000000", doc="T3324")

    def read(self, ue: Any) -> dict[str, Any]:
        return {"mode": 1, "tau": "00111100", "active": "00000001"}

    def write(self, ue: Any, mode: int, tau: str | None, active: str) -> None:
        """The handler under test is never reached here."""


class Csq(Command):
    """Signal quality."""

    name, source = "+CSQ", "3GPP TS 27.007 8.5"
    test_reply = "+CSQ: (0-31,99),(99)"
    execute_reply = "+CSQ: {rssi},{ber}"

    def execute(self, ue: Any) -> dict[str, int]:
        return {"rssi": 8, "ber": 0}


class Echo(Command):
    """Command echo."""

    name, source = "E", "V.250 6.2.4"
    value = Int(0, 1, default=0, doc="0 off, 1 on")

    def execute(self, ue: Any, value: int) -> None:
        """The handler under test is never reached here."""


class Nmgs(Command):
    """Send data to the platform."""

    name, source, testable = "+NMGS", "BC260Y CT guide 1.1, 2.3.3", False
    length = Int(1, 1024, doc="bytes")
    data = Hex(1024, odd="odd_hex", doc="what to send")
    type = Choice(0, 1, 2, 100, 101, 102, default=0, doc="NON or CON, and RAI")

    def write(self, ue: Any, length: int, data: bytes, type: int) -> None:
        """The handler under test is never reached here."""


DIALECT = Dialect()


def bind(command: Command, *texts: str, dialect: Dialect = DIALECT) -> dict[str, Any]:
    return command.bind([Token(t[1:-1], True) if t[:1] == '"' else Token(t) for t in texts], dialect)


def test_defining_a_handler_declares_its_form() -> None:
    assert Cpsms().forms == {Form.TEST, Form.READ, Form.WRITE}
    assert Csq().forms == {Form.TEST, Form.EXECUTE}
    assert Echo().forms == {Form.EXECUTE}
    assert Nmgs().forms == {Form.WRITE}


def test_the_test_reply_is_derived_or_literal() -> None:
    assert Cpsms().test_text == ('+CPSMS: (0-2),,,("00000000"-"11111111"),("00000000"-"11111111")',)
    assert Csq().test_text == ("+CSQ: (0-31,99),(99)",)
    assert Csq(Entry(test="")).test_text == ()
    assert Csq(Entry(fixed={"test": "+CSQ: (0-31)"})).test_text == ("+CSQ: (0-31)",)
    assert Cpsms(
        Entry(params={"mode": "0-1", "tau": {"supported": ""}, "active": {"supported": ""}})
    ).test_text == ("+CPSMS: (0-1)",)
    assert Nmgs(Entry(test="+NMGS: x")).forms == {Form.TEST, Form.WRITE}


def test_bind() -> None:
    assert bind(Cpsms(), "1") == {"mode": 1, "tau": None, "active": "00000000"}
    assert bind(Cpsms(), "1", "x", "", '"00000001"') == {"mode": 1, "tau": "00000001", "active": "00000000"}
    assert bind(Cpsms(), "1", "", "", "", "00000010") == {"mode": 1, "tau": None, "active": "00000010"}
    assert bind(Nmgs(), "5", '"00454C4C4F"') == {"length": 5, "data": b"\0ELLO", "type": 0}
    assert bind(Echo()) == {"value": 0}


@pytest.mark.parametrize(
    ("texts", "situation"),
    [
        ((), "missing_parameter"),
        (("5",), "missing_parameter"),
        (("", "00"), "missing_parameter"),
        (("x", ""), "missing_parameter"),
        (("1", "00", "0", "0"), "surplus_parameter"),
        (("x", "0", "0", "0"), "surplus_parameter"),
        (("x", "0"), "bad_type"),
        (("0", "0"), "bad_value"),
        (("1", "0"), "odd_hex"),
        (("1", "00", "3"), "bad_value"),
    ],
)
def test_bind_counts_first_and_then_goes_from_left_to_right(texts: tuple[str, ...], situation: str) -> None:
    with pytest.raises(Refusal) as refusal:
        bind(Nmgs(), *texts)
    assert refusal.value.situation == situation


class Named(Command):
    """A command with a text."""

    name, source = "+NAMED", "test"
    number = Int(0, 9, doc="a number")
    text = Text(9, doc="a text")

    def write(self, ue: Any, number: int, text: str) -> None:
        """The handler under test is never reached here."""


def test_quoting_is_up_to_the_dialect() -> None:
    assert bind(Named(), '"1"', "abc") == {"number": 1, "text": "abc"}
    strict = Dialect(quoted_numbers=False, unquoted_text=False)
    assert bind(Named(), "1", '"abc"', dialect=strict) == {"number": 1, "text": "abc"}
    for texts in (('"1"', '"abc"'), ("1", "abc")):
        with pytest.raises(Refusal, match="bad_type"):
            bind(Named(), *texts, dialect=strict)


def test_replies() -> None:
    cpsms = Cpsms()
    assert cpsms.lines(Form.READ, None) == []
    assert cpsms.lines(Form.READ, "") == []
    assert cpsms.lines(Form.READ, "text") == ["text"]
    assert cpsms.lines(Form.READ, ["a", {"mode": 0}]) == ["a", "+CPSMS: 0"]
    assert cpsms.lines(Form.READ, cpsms.read(1)) == ['+CPSMS: 1,,,"00111100","00000001"']
    assert cpsms.lines(Form.READ, {"mode": 0, "tau": None}) == ["+CPSMS: 0"]
    assert Csq().lines(Form.EXECUTE, {"rssi": 8, "ber": 0}) == ["+CSQ: 8,0"]


def test_a_profile_words_replies() -> None:
    csq = Csq(Entry(replies={"execute": "+CSQ: {rssi},99"}))
    assert csq.lines(Form.EXECUTE, {"rssi": 8, "ber": 0}) == ["+CSQ: 8,99"]
    several = Csq(Entry(replies={"execute": ["rssi {rssi}", "ber {ber}"]}))
    assert several.lines(Form.EXECUTE, {"rssi": 8, "ber": 0}) == ["rssi 8", "ber 0"]


def test_values_without_a_place_in_the_reply_are_an_error() -> None:
    with pytest.raises(ValueError, match="the read reply has state and no template"):
        Cpsms().lines(Form.READ, {"mode": 1, "state": 0})


def test_a_profile_overrides_the_declaration() -> None:
    entry = Entry(
        forms=["write"],
        source="BC260Y manual 3.1",
        provenance="log",
        delay="slow",
        max_response=5.0,
        group="cloud",
        multi_line="framed",
    )
    command = Cpsms(entry)
    assert command.forms == {Form.WRITE}
    assert (command.source, command.provenance, command.delay) == ("BC260Y manual 3.1", "log", "slow")
    assert (command.max_response, command.group, command.multi_line) == (5.0, "cloud", "framed")
    assert (Cpsms().source, Cpsms.source) == ("3GPP TS 27.007 7.38", "3GPP TS 27.007 7.38")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (Entry(forms=["execute"]), "has no execute form"),
        (Entry(forms=["set"]), "forms has 'set'; forms are test, read, write, execute"),
        (Entry(params={"period": "0-1"}), "has no parameter 'period'; it has mode, rau, ready, tau, active"),
        (Entry(params={"mode": "0-9"}), "not within"),
        (Entry(replies={"set": "x"}), "replies has 'set'"),
        (Entry(replies={"read": "{x"}), "template"),
        (Entry(fixed={"set": "x"}), "fixed has 'set'"),
    ],
)
def test_a_wrong_entry_is_refused(entry: Entry, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Cpsms(entry)


def test_a_fixed_reply_makes_a_form() -> None:
    command = Csq(Entry(fixed={"read": "+CSQ: 1"}))
    assert command.forms == {Form.TEST, Form.READ, Form.EXECUTE}
    assert command.fixed == {Form.READ: ("+CSQ: 1",)}


def test_a_declaration_must_be_documented() -> None:
    with pytest.raises(TypeError, match="has no docstring"):
        type("Bare", (Command,), {"name": "+BARE", "source": "x"})
    with pytest.raises(TypeError, match="names no source"):
        type("Bare", (Command,), {"name": "+BARE", "__doc__": "Something."})
    type("Mixin", (Command,), {})


def test_a_handler_must_take_its_parameters() -> None:
    body: dict[str, Any] = {"name": "+X", "source": "x", "__doc__": "X.", "a": Int(doc="a")}
    with pytest.raises(TypeError, match="write does not fit its parameters"):
        type("Wrong", (Command,), {**body, "write": lambda self, ue, b: None})
    with pytest.raises(TypeError, match="execute does not fit"):
        type("Wrong", (Command,), {**body, "execute": lambda self, ue, a: None})
    with pytest.raises(TypeError, match="write does not fit its parameters"):
        type("Wrong", (Command,), {**body, "data_mode": DataMode(), "write": lambda self, ue, a: None})
    with pytest.raises(TypeError, match="cannot be called group"):
        type("Wrong", (Command,), {**body, "group": Int()})


class Timer(Command):
    """What several commands share; no command by itself, for it has no name."""

    timer = Bits(8, optional=True, doc="a timer")


class Edrx(Timer):
    """A command with an inherited parameter."""

    name, source = "+EDRX", "test"
    mode = Int(0, 3, default=0, doc="mode")

    def write(self, ue: Any, timer: str | None, mode: int) -> None:
        """The handler under test is never reached here."""


def test_parameters_are_inherited() -> None:
    assert list(Edrx().params) == ["timer", "mode"]
    assert bind(Edrx(), "00000001", "2") == {"timer": "00000001", "mode": 2}


def test_describe() -> None:
    page = Cpsms(Entry(params={"mode": "0-1"})).describe()
    assert (page.name, page.summary, page.forms) == (
        "+CPSMS",
        "Power saving mode: what the module asks the network for.",
        ("test", "read", "write"),
    )
    assert [(p.name, p.kind, p.range, p.optional) for p in page.params] == [
        ("mode", "Int", "(0-1)", False),
        ("rau", "Ignored", "", True),
        ("ready", "Ignored", "", True),
        ("tau", "Bits", '("00000000"-"11111111")', True),
        ("active", "Bits", '("00000000"-"11111111")', True),
    ]
    assert page.params[4].default == "00000000"
    assert page.params[0].default is None
    assert page.needs == ("The USIM is in and its PIN is given.",)
    assert page.errors == (
        "bad_type",
        "bad_value",
        "missing_parameter",
        "no_sim",
        "surplus_parameter",
        "wrong_form",
    )
    assert (page.source, page.provenance, page.max_response) == ("3GPP TS 27.007 7.38", "manual", 0.3)


def test_an_answer_is_ok_by_default() -> None:
    assert Answer().final == "OK"
    assert Answer("x", final=None).final is None


def test_catalogue() -> None:
    csq, echo = Csq(), Echo()
    catalogue = Catalogue([csq, echo])
    assert catalogue.find("+CSQ") is csq
    assert catalogue.find("+csq") is csq
    assert catalogue.find("e") is echo
    assert catalogue.find("+CPSMS") is None
    assert list(catalogue) == [csq, echo]
    assert len(catalogue) == 2
    assert "+csq" in catalogue
    assert "+cpsms" not in catalogue
    with pytest.raises(ValueError, match="two commands are called"):
        Catalogue([Csq(), Csq()])
