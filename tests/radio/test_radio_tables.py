"""The state tables themselves: complete where it matters, and without dead ends."""

from __future__ import annotations

from modemsim.radio import emm, rrc
from modemsim.radio.emm import Emm, EmmEvent
from modemsim.radio.rrc import Rrc, RrcEvent


def test_every_emm_state_is_reached_and_left() -> None:
    reached = {target for (state, _), target in emm.TRANSITIONS.items() if target is not state}
    left = {state for (state, _), target in emm.TRANSITIONS.items() if target is not state}
    assert reached == left == set(Emm)
    assert {event for _, event in emm.TRANSITIONS} == set(EmmEvent)


def test_switching_off_works_from_everywhere() -> None:
    for state in set(Emm) - {Emm.OFF}:
        assert emm.TRANSITIONS[state, EmmEvent.SWITCH_OFF] is Emm.OFF
        assert (state, EmmEvent.DETACH) in emm.TRANSITIONS or state is Emm.OFF


def test_stat_values_are_those_of_the_standard() -> None:
    assert {state.label: state.stat for state in Emm} == {
        "off": 0,
        "limited": 0,
        "detached": 0,
        "searching": 2,
        "attaching": 2,
        "denied": 3,
        "home": 1,
        "roaming": 5,
    }


def test_rrc_table() -> None:
    assert rrc.TRANSITIONS == {
        (Rrc.IDLE, RrcEvent.SETUP): Rrc.CONNECTED,
        (Rrc.CONNECTED, RrcEvent.RELEASE): Rrc.IDLE,
        (Rrc.CONNECTED, RrcEvent.LINK_LOST): Rrc.IDLE,
    }
