"""When a URC may go out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemsim.at.dialect import Dialect, Verbatim
from modemsim.at.urc import LineState, NotBefore, SendUrc, UrcQueue, frame

DIALECT = Dialect(urc_gap=0.010, typing_hold=2.0)
IDLE = LineState(now=100.0, idle_since=0.0)


def queue(*lines: str, in_command: bool = False) -> UrcQueue:
    urcs = UrcQueue(DIALECT)
    for line in lines:
        urcs.push(line, 100.0, in_command=in_command)
    return urcs


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (IDLE, SendUrc("+X")),
        (IDLE._replace(now=99.0), NotBefore(100.0)),
        (IDLE._replace(idle_since=99.99), SendUrc("+X")),
        (IDLE._replace(idle_since=99.995), NotBefore(100.005)),
        (IDLE._replace(idle_since=103.0), NotBefore(103.01)),
        (IDLE._replace(running=True), None),
        (IDLE._replace(data_mode=True), None),
        (IDLE._replace(typing_since=100.0), NotBefore(102.0)),
        (IDLE._replace(typing_since=98.0), SendUrc("+X")),
        (IDLE._replace(typing_since=98.0, idle_since=99.998), NotBefore(100.008)),
    ],
)
def test_decision(state: LineState, expected: object) -> None:
    decision = queue("+X").decide(state)
    if isinstance(expected, NotBefore):
        assert isinstance(decision, NotBefore)
        assert decision.instant == pytest.approx(expected.instant)
    else:
        assert decision == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        (IDLE, SendUrc("+X")),
        (IDLE._replace(running=True), SendUrc("+X")),
        (IDLE._replace(running=True, typing_since=99.9), SendUrc("+X")),
        (IDLE._replace(running=True, data_mode=True), None),
        (IDLE._replace(running=True, idle_since=101.0), NotBefore(101.01)),
    ],
)
def test_decision_for_an_exception(state: LineState, expected: object) -> None:
    assert queue("+X", in_command=True).decide(state) == expected


def test_an_empty_queue_decides_nothing() -> None:
    assert UrcQueue(DIALECT).decide(IDLE) is None


def test_a_sent_urc_is_gone() -> None:
    urcs = queue("+A", "+B")
    assert (urcs.decide(IDLE), len(urcs)) == (SendUrc("+A"), 1)
    assert (urcs.decide(IDLE), len(urcs)) == (SendUrc("+B"), 0)
    assert urcs.decide(IDLE) is None


def test_the_order_is_that_of_the_instants() -> None:
    urcs = UrcQueue(DIALECT)
    for line, instant in (("+C", 3.0), ("+A", 1.0), ("+B", 2.0), ("+A2", 1.0)):
        urcs.push(line, instant)
    assert [urcs.decide(IDLE) for _ in range(4)] == [SendUrc(line) for line in ("+A", "+A2", "+B", "+C")]


def test_only_exceptions_pass_a_running_command() -> None:
    urcs = queue("+A")
    urcs.push("+CPIN: NOT READY", 100.0, in_command=True)
    busy = IDLE._replace(running=True)
    assert urcs.decide(busy) == SendUrc("+CPIN: NOT READY")
    assert urcs.decide(busy) is None
    assert urcs.decide(IDLE) == SendUrc("+A")


def test_a_response_keeps_its_distance_from_a_urc() -> None:
    urcs = queue("+A")
    assert urcs.response_not_before(5.0) == 5.0
    urcs.decide(IDLE)
    urcs.sent(100.002)
    assert urcs.response_not_before(100.002) == pytest.approx(100.012)
    assert urcs.response_not_before(100.012) == 100.012
    assert urcs.response_not_before(200.0) == 200.0


def test_frame() -> None:
    assert frame("+NNMI: 4,AAAA0000") == b"\r\n+NNMI: 4,AAAA0000\r\n"


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=20), st.floats(0, 20), st.floats(0, 20))
def test_every_urc_comes_out_in_order(urcs: list[tuple[float, bool]], now: float, idle_since: float) -> None:
    waiting = UrcQueue(DIALECT)
    for number, (instant, in_command) in enumerate(urcs):
        waiting.push(str(number), instant, in_command=in_command)
    sent: list[int] = []
    while (decision := waiting.decide(LineState(now, idle_since))) is not None:
        if isinstance(decision, NotBefore):
            assert decision.instant > now
            now = decision.instant
        else:
            sent.append(int(decision.line))
    assert sorted(sent) == list(range(len(urcs)))
    assert [urcs[number][0] for number in sent] == sorted(instant for instant, _ in urcs)


def test_received_data_has_neither_frame_nor_spacing_of_the_module() -> None:
    dialect = Dialect(spacing_exceptions=frozenset({"+ICF"}))
    data = Verbatim("+ICF: 3\r\n+CSQ:1")
    assert dialect.fit("+ICF: 3") == "+ICF:3"
    assert frame(dialect.fit(data)) == b"+ICF: 3\r\n+CSQ:1"
