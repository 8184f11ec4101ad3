"""What SIMCom commands need, and the setting that goes with the next uplink."""

from __future__ import annotations

from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.ue.module import Ue

RAI = "+CNBIOTRAI.rai"


def supplied_card(ue: Ue) -> None:
    """A USIM in the holder that has its supply, which minimum functionality takes away."""
    needs.card(ue)
    if ue.access.functionality == 0:
        raise Refusal("sim_off")


def supplied_usim(ue: Ue) -> None:
    """A USIM that can be read and has its supply."""
    needs.usim(ue)
    supplied_card(ue)


def no_session(ue: Ue) -> None:
    """No session, not even one that is being taken down."""
    if not ue.cloud.free:
        raise Refusal("session_exists")


def release_assistance(ue: Ue) -> int:
    """The release assistance of AT+CNBIOTRAI; it goes with one uplink."""
    rai = int(ue.settings.get(RAI))
    if rai:
        ue.settings.set(RAI, 0)
    return rai
