"""Faults of the platforms in the box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modemsim.coap.codec import error_code
from modemsim.faults.table import End, FaultError, FaultParameter, Target, declare, over
from modemsim.platforms.aep_mqtt import AepMqtt
from modemsim.timing import parse_duration

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform

NONSENSE = b"\xf0\x00"
"""A packet of a type that MQTT 3.1.1 does not have."""


def _platforms(target: Target) -> list[Platform]:
    return list(target.platforms.values())


@declare("platform_silent")
def platform_silent(target: Target) -> End:
    """The platforms answer nothing, as if their hosts were gone."""
    for platform in _platforms(target):
        platform.down = True

    def end() -> None:
        for platform in _platforms(target):
            platform.down = False

    return end


@declare("platform_error", code=FaultParameter(error_code, "CoAP error code, for example 5.03"))
def platform_error(target: Target, code: int) -> End:
    """Registrations and updates of the module are answered with an error code."""
    from aiocoap import Code

    endpoint = target.endpoint
    for platform in _platforms(target):
        platform.refuse(endpoint, Code(code))

    def end() -> None:
        for platform in _platforms(target):
            platform.refuse(endpoint, None)

    return end


def _mqtt(target: Target) -> AepMqtt:
    access = target.connected.get("aep-mqtt")
    if not isinstance(access, AepMqtt):
        raise FaultError("there are no built-in platforms in this run")
    return access


def _return_code(text: str) -> int:
    """A return code of CONNACK that refuses: 1 to 5."""
    if text not in ("1", "2", "3", "4", "5"):
        raise ValueError("a CONNECT is refused with 1 to 5")
    return int(text)


@declare("mqtt_refuse", code=FaultParameter(_return_code, "return code of CONNACK, 1 to 5"))
def mqtt_refuse(target: Target, code: int) -> End:
    """AEP refuses every CONNECT over MQTT with a return code."""
    access = _mqtt(target)

    def end() -> None:
        access.refuse = None

    access.refuse = code
    return end


@declare("mqtt_cut")
def mqtt_cut(target: Target) -> End:
    """AEP closes its MQTT connections."""
    _mqtt(target).cut()
    return over


@declare("mqtt_nonsense")
def mqtt_nonsense(target: Target) -> End:
    """AEP sends its MQTT clients bytes that are no MQTT, and closes."""
    _mqtt(target).cut(NONSENSE)
    return over


@declare("platform_reset")
def platform_reset(target: Target) -> End:
    """The platform forgets its observation, so that the next uplink is answered with RST."""
    for platform in _platforms(target):
        if (endpoint := target.endpoint) in platform.store:
            platform.forget(endpoint)
    return over


@declare(
    "platform_slow_observe", seconds=FaultParameter(parse_duration, "from registration to observe", 30.0)
)
def platform_slow_observe(target: Target, seconds: float) -> End:
    """The platforms take their time to observe a device that has registered."""
    for platform in _platforms(target):
        platform.observe_delay = seconds

    def end() -> None:
        for platform in _platforms(target):
            platform.observe_delay = platform.style.observe_delay

    return end


@declare("platform_restart")
def platform_restart(target: Target) -> End:
    """The platforms restart: registrations outlive it, observations do not."""
    for platform in _platforms(target):
        platform.restart()
    return over
