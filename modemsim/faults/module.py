"""Faults of the module itself and of the network it is in."""

from __future__ import annotations

import asyncio

from modemsim.faults.table import End, FaultParameter, Target, declare, over
from modemsim.timing import parse_duration


@declare("reboot", after=FaultParameter(parse_duration, "from now", 0.0))
def reboot(target: Target, after: float) -> End:
    """The module restarts by itself."""
    timer = asyncio.get_running_loop().call_later(after, target.ue.power, "reset")
    return timer.cancel


@declare("freeze", seconds=FaultParameter(parse_duration, "how long", 30.0))
def freeze(target: Target, seconds: float) -> End:
    """The module neither hears nor answers for a while, then goes on as if nothing had been."""
    faults = target.ue.terminal.faults
    faults.freeze(seconds)
    return lambda: faults.freeze(0)


@declare("settings_lost")
def settings_lost(target: Target) -> End:
    """What the host has set and the module has not stored falls back, as after a wake that kept nothing."""
    target.ue.settings.restart()
    target.ue.apply_rate()
    return over


@declare("retention_lost")
def retention_lost(target: Target) -> End:
    """The next wake from deep sleep finds the kept session damaged."""
    sleeper = target.ue.sleeper
    sleeper.retention = False

    def end() -> None:
        sleeper.retention = True

    return end


@declare("registration_lost", seconds=FaultParameter(parse_duration, "until the cell is back", 60.0))
def registration_lost(target: Target, seconds: float) -> End:
    """The cell is gone for a while, then the module registers again."""
    network = target.network
    network.patch(outage=True)
    timer = asyncio.get_running_loop().call_later(seconds, lambda: network.patch(outage=False))

    def end() -> None:
        timer.cancel()
        network.patch(outage=False)

    return end


@declare("address_changed")
def address_changed(target: Target) -> End:
    """The network gives the module another address, and the platform sees it come from another port."""
    if target.ue.radio.ip is not None:
        target.ue.radio.renumber()
    return over


@declare("dns_silent")
def dns_silent(target: Target) -> End:
    """The DNS servers do not answer, except one that a route leads to."""
    resolver = target.ue.ip.resolver
    resolver.silent = True

    def end() -> None:
        resolver.silent = False

    return end
