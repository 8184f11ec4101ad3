"""What commands of the Neul family need; each need refuses with its own named situation."""

from __future__ import annotations

from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.ue.enrolment import Switch
from modemsim.ue.module import Ue
from modemsim.ue.power import Power
from modemsim.ue.usim import SimState


def radio_on(ue: Ue) -> None:
    """The radio switched on (AT+CFUN=1)."""
    if ue.access.functionality != 1:
        raise Refusal("radio_off")


def radio_off(ue: Ue) -> None:
    """The radio switched off (AT+CFUN=0)."""
    if ue.access.functionality != 0:
        raise Refusal("radio_on")


def network(ue: Ue) -> None:
    """An address, and a network that the module is registered in: while it searches nothing can be sent."""
    if not ue.radio.attached:
        raise Refusal("no_bearer")
    needs.bearer(ue)


def usim_up(ue: Ue) -> None:
    """A USIM that can be read, which takes a moment after the start and a radio that is on."""
    if ue.state is Power.BOOTING:
        raise Refusal("sim_busy")
    radio_on(ue)
    if ue.usim.state is SimState.PIN:
        raise Refusal("pin_required")
    if ue.usim.state is SimState.PUK:
        raise Refusal("puk_required")
    needs.usim(ue)


def no_back_off(ue: Ue) -> None:
    """A network that does not hold an idle module off by its back-off timer (3GPP TS 24.301 5.3.7b)."""
    if ue.network.congested and not ue.radio.connected:
        raise Refusal("back_off")


def platform_service(ue: Ue) -> None:
    """The platform service not switched off (AT+QREGSWT=2)."""
    if ue.enrolment.switch is Switch.OFF:
        raise Refusal("service_off")
