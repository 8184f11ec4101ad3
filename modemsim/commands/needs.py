"""What commands need before they run; each need refuses with its own named situation."""

from __future__ import annotations

from modemsim.at.result import Refusal
from modemsim.ue.cloud_states import Cloud
from modemsim.ue.module import Ue
from modemsim.ue.usim import SimState


def usim(ue: Ue) -> None:
    """A USIM that can be read."""
    if not ue.usim.ready:
        raise Refusal("no_sim")


def card(ue: Ue) -> None:
    """A USIM in the holder, whatever it waits for."""
    if ue.usim.state is SimState.ABSENT:
        raise Refusal("no_sim")


def full_functionality(ue: Ue) -> None:
    """Full functionality (AT+CFUN=1)."""
    if ue.access.functionality != 1:
        raise Refusal("not_allowed")


def attached(ue: Ue) -> None:
    """Registered in the mobile network."""
    if not ue.radio.attached:
        raise Refusal("no_network")


def bearer(ue: Ue) -> None:
    """An IP address on the default bearer."""
    if ue.radio.ip is None:
        raise Refusal("no_bearer")


def uncongested(ue: Ue) -> None:
    """A network that does not hold the module off by its back-off timer."""
    if ue.network.congested:
        raise Refusal("congested")


def coverage(ue: Ue) -> None:
    """Coverage better than CE level 2, where the quirk `refuse_at_ce2` is on."""
    if ue.quirk("refuse_at_ce2") and ue.network.coverage_level == 2:
        raise Refusal("poor_coverage")


def no_login_running(ue: Ue) -> None:
    """No registration on its way to the platform."""
    if ue.cloud.registering:
        raise Refusal("login_in_progress")


def logged_in(ue: Ue) -> None:
    """A registration that the platform has accepted."""
    if ue.cloud.state is Cloud.LOST:
        raise Refusal("no_session")
    if not ue.cloud.live:
        raise Refusal("not_logged_in")


def observed(ue: Ue) -> None:
    """A registration whose object 19/0/0 the platform observes."""
    if ue.cloud.state is not Cloud.OBSERVED:
        raise Refusal("not_observed")


def no_update_running(ue: Ue) -> None:
    """No firmware update on its way: data would disturb it."""
    if ue.firmware.busy:
        raise Refusal("updating")
