"""Faults of the platforms in the box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemsim.faults.table import End, FaultParameter, declare, over, read_code
from modemsim.timing import parse_duration

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.simulation import Simulation


def _platforms(simulation: Simulation) -> list[Platform]:
    return list(simulation.platforms.values())


@declare("platform_silent")
def platform_silent(simulation: Simulation) -> End:
    """The platforms answer nothing, as if their hosts were gone."""
    for platform in _platforms(simulation):
        platform.down = True

    def end() -> None:
        for platform in _platforms(simulation):
            platform.down = False

    return end


@declare("platform_error", code=FaultParameter(read_code, "CoAP error code, for example 5.03"))
def platform_error(simulation: Simulation, code: int) -> End:
    """Registrations and updates of the module are answered with an error code."""
    from aiocoap import Code

    endpoint = simulation.endpoint
    for platform in _platforms(simulation):
        platform.refuse(endpoint, Code(code))

    def end() -> None:
        for platform in _platforms(simulation):
            platform.refuse(endpoint, None)

    return end


@declare("platform_reset")
def platform_reset(simulation: Simulation) -> End:
    """The platform forgets its observation, so that the next uplink is answered with RST."""
    for platform in _platforms(simulation):
        if (endpoint := simulation.endpoint) in platform.store:
            platform.forget(endpoint)
    return over


@declare(
    "platform_slow_observe", seconds=FaultParameter(parse_duration, "from registration to observe", 30.0)
)
def platform_slow_observe(simulation: Simulation, seconds: float) -> End:
    """The platforms take their time to observe a device that has registered."""
    for platform in _platforms(simulation):
        platform.observe_delay = seconds

    def end() -> None:
        for platform in _platforms(simulation):
            platform.observe_delay = platform.style.observe_delay

    return end


@declare("platform_restart")
def platform_restart(simulation: Simulation) -> End:
    """The platforms restart: registrations outlive it, observations do not."""
    for platform in _platforms(simulation):
        platform.restart()
    return over
