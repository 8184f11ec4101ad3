"""What the `*` lines of a transcript can do: one table of actions and checks on a running simulation.

A waiting action or a check takes the window of its line as its limit (`* wait idle  @ 60s`); without one a
check looks once and a waiting action gives up after WAIT_LIMIT. All times are simulated seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from modemsim.coap.codec import error_code
from modemsim.testing.action_table import (
    ACTIONS,
    Action,
    ActionFailed,
    Call,
    Parameter,
    Stage,
    find,
)
from modemsim.testing.action_table import COUNT as _COUNT
from modemsim.testing.action_table import DURATION as _DURATION
from modemsim.testing.action_table import HEX as _HEX
from modemsim.testing.action_table import SWITCH as _SWITCH
from modemsim.testing.action_table import action as _action
from modemsim.testing.action_table import one_of as _one_of
from modemsim.testing.action_table import until as _until
from modemsim.testing.action_table import words_of as _words

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.platforms.connected import ConnectedPlatform
    from modemsim.platforms.downlinks import Downlink
    from modemsim.platforms.store import Uplink

__all__ = ["ACTIONS", "Action", "ActionFailed", "Call", "Stage", "find", "lookup"]

WAIT_LIMIT = 300.0
"""Seconds after which `* wait attached` and its like give up when the line has no window."""


def lookup(status: Mapping[str, Any], key: str) -> str:
    """The value of a dotted key of `Simulation.status()` as a transcript writes it; raises ActionFailed."""
    value: Any = status
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise ActionFailed(f"the status has no {key!r}")
        value = value[part]
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


def _code(word: str) -> int | None:
    """A CoAP error code; None for "off"."""
    return None if word == "off" else error_code(word)


def _fraction(word: str) -> float:
    if not 0 <= float(word) <= 1:
        raise ValueError(word)
    return float(word)


STATES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "attached": ("emm.attached", ("true",)),
    "registered": ("lwm2m.state", ("registered", "observed")),
    "observed": ("lwm2m.state", ("observed",)),
    "idle": ("rrc", ("idle",)),
    "psm": ("psm", ("psm",)),
    "asleep": ("chip", ("deep",)),
}
"""What `* wait STATE` waits for: a key of the status and the values that mean the state."""


@_action("power", _words("on", "off", "reset", "cut"))
async def power(stage: Stage, limit: float | None, action: str) -> None:
    """Press the module's power key: on, orderly off, reset, or cut the supply."""
    await stage.simulation.power(action)


@_action("wait", _DURATION, simulation_only=False)
async def wait(stage: Stage | None, limit: float | None, seconds: float) -> None:
    """Let time pass; lines that come meanwhile are kept for the steps below."""
    await asyncio.sleep(seconds)


@_action("wait", _words(*STATES))
async def wait_for(stage: Stage, limit: float | None, state: str) -> None:
    """Wait until the module is attached, registered, observed, idle (RRC), in PSM or in deep sleep."""
    key, values = STATES[state]

    def current() -> str:
        return lookup(stage.simulation.status(), key)

    await _until(
        lambda: current() in values,
        WAIT_LIMIT if limit is None else limit,
        lambda: f"the module is not {state}; its {key} is {current()}",
    )


@_action("sim", _one_of(remove=False, insert=True))
async def sim(stage: Stage, limit: float | None, present: bool) -> None:
    """Take the USIM out, or put it in."""
    stage.simulation.sim_present(present)


@_action("network outage", _SWITCH)
async def network_outage(stage: Stage, limit: float | None, on: bool) -> None:
    """Begin or end an outage of the cell: nothing passes."""
    stage.simulation.network.patch(outage=on)


@_action("network coverage", _one_of(**{"0": 0, "1": 1, "2": 2}))
async def network_coverage(stage: Stage, limit: float | None, level: int) -> None:
    """Move the module to a coverage enhancement level."""
    stage.simulation.network.patch(coverage_level=level)


@_action("network loss", Parameter("0.5", _fraction))
async def network_loss(stage: Stage, limit: float | None, loss: float) -> None:
    """Lose this share of the datagrams, 0 to 1."""
    stage.simulation.network.patch(loss=loss)


@_action("network congested", _SWITCH)
async def network_congested(stage: Stage, limit: float | None, on: bool) -> None:
    """Let the network refuse connections for congestion, or stop doing so."""
    stage.simulation.network.patch(congested=on)


@_action("network barred", _SWITCH)
async def network_barred(stage: Stage, limit: float | None, on: bool) -> None:
    """Bar the serving cell, so that idle modules leave it and none comes, or open it again."""
    stage.simulation.network.patch(barred=on)


def _power(word: str) -> int | None:
    return None if word == "off" else int(word)


@_action("network neighbour", Parameter("-80|off", _power), Parameter("TAC", lambda w: int(w, 16), True))
async def network_neighbour(
    stage: Stage, limit: float | None, rsrp: int | None, tac: int | None = None
) -> None:
    """Let there be another cell, received with so many dBm, in the same tracking area or this one (hex)."""
    network = stage.simulation.network
    place = {} if tac is None else {"tac": tac}
    cell = {"cell_id": network.cell_id + 1, "pci": (network.pci + 1) % 504, "rsrp": rsrp, **place}
    network.patch(neighbour=None if rsrp is None else cell)


def _platform(stage: Stage) -> Platform:
    """The platform the module is registered at, else one that knows it; raises ActionFailed."""
    endpoint = stage.simulation.endpoint
    known = [platform for platform in stage.simulation.platforms.values() if endpoint in platform.store]
    if not known:
        raise ActionFailed(f"no platform knows the device {endpoint}")

    def latest(platform: Platform) -> tuple[bool, float]:
        device = platform.store[endpoint]
        return device.registered, device.last_heard or 0.0

    return max(known, key=latest)


def _heard_by(stage: Stage) -> tuple[Platform | ConnectedPlatform, str]:
    """The platform that deals with the module, and the module's name there.

    Over TCP and MQTT the device has a name of its own: then it is the device heard last.
    """
    known = [
        (device.last_heard or 0.0, device.endpoint, platform)
        for platform in stage.simulation.connected.values()
        for device in platform.store
    ]
    if known:
        _, endpoint, platform = max(known, key=lambda found: found[0])
        return platform, endpoint
    return _platform(stage), stage.simulation.endpoint


def _uplinks(stage: Stage) -> list[Uplink]:
    platform, endpoint = _heard_by(stage)
    return platform.store[endpoint].uplinks


def _set_down(stage: Stage, down: bool) -> None:
    for platform in stage.simulation.platforms.values():
        platform.down = down
    for connected in stage.simulation.connected.values():
        connected.down = down
    for service in stage.simulation.services.values():
        service.down = down


@_action("platform send", _HEX)
async def platform_send(stage: Stage, limit: float | None, payload: bytes) -> None:
    """Send a downlink command with this payload to the module."""
    platform, endpoint = _heard_by(stage)
    stage.downlink = platform.downlink(endpoint, payload)


@_action("platform forget")
async def platform_forget(stage: Stage, limit: float | None) -> None:
    """Drop the platform's observation, so that the next notification is answered with RST."""
    _platform(stage).forget(stage.simulation.endpoint)


@_action("platform cancel")
async def platform_cancel(stage: Stage, limit: float | None) -> None:
    """End the platform's observation in good order, so that the module knows."""
    _platform(stage).cancel(stage.simulation.endpoint)


@_action("platform down")
async def platform_down(stage: Stage, limit: float | None) -> None:
    """Make every built-in platform silent, as if its host was gone."""
    _set_down(stage, True)


@_action("platform up")
async def platform_up(stage: Stage, limit: float | None) -> None:
    """Let the built-in platforms answer again."""
    _set_down(stage, False)


@_action("platform observe", _SWITCH)
async def platform_observe(stage: Stage, limit: float | None, on: bool) -> None:
    """Let the platforms observe what registers from now on, or leave it unobserved."""
    for platform in stage.simulation.platforms.values():
        platform.observes = on


@_action("platform refuse", Parameter("4.03|off", _code))
async def platform_refuse(stage: Stage, limit: float | None, code: int | None) -> None:
    """Answer all the module asks about its registration with this CoAP error code, or no longer."""
    from aiocoap import Code

    for platform in stage.simulation.platforms.values():
        platform.refuse(stage.simulation.endpoint, None if code is None else Code(code))


@_action("platform key", _HEX, Parameter("IDENTITY", str, optional=True))
async def platform_key(stage: Stage, limit: float | None, key: bytes, identity: str | None = None) -> None:
    """Give the module's device this pre-shared key at the platforms; without an identity its IMEI is it."""
    imei = stage.simulation.ue.identity.imei
    for platform in stage.simulation.platforms.values():
        platform.store.secure(imei, key, identity)


@_action("platform lose session")
async def platform_lose_session(stage: Stage, limit: float | None) -> None:
    """Let the platform forget the module's DTLS session, as a server that was restarted."""
    _platform(stage).lose_session(stage.simulation.endpoint)


@_action("platform disable", _DURATION)
async def platform_disable(stage: Stage, limit: float | None, seconds: float) -> None:
    """Send the module away for this time by executing Disable of object 1."""
    _platform(stage).disable(stage.simulation.endpoint, int(seconds))


@_action("platform uplinks", _COUNT)
async def platform_uplinks(stage: Stage, limit: float | None, count: int) -> None:
    """Check that the platform holds this number of uplinks of the module."""

    def held() -> int:
        return len(_uplinks(stage))

    await _until(lambda: held() == count, limit or 0.0, lambda: f"the platform holds {held()} uplinks")


@_action("platform last", _HEX, _words("CON", "NON", "TCP", "QOS0", "QOS1", "QOS2", optional=True))
async def platform_last(stage: Stage, limit: float | None, payload: bytes, kind: str | None = None) -> None:
    """Check payload, and if given type, of the newest uplink at the platform."""

    def last() -> tuple[bytes, str] | None:
        uplinks = _uplinks(stage)
        return (uplinks[-1].payload, uplinks[-1].type) if uplinks else None

    def problem() -> str:
        found = last()
        return f"it is {found[0].hex().upper()} {found[1]}" if found else "the platform holds no uplink"

    def holds() -> bool:
        found = last()
        return found is not None and found[0] == payload and kind in (None, found[1])

    await _until(holds, limit or 0.0, problem)


@_action("platform downlink", _words("delivered", "completed", "failed", "queued", "sent"))
async def platform_downlink(stage: Stage, limit: float | None, state: str) -> None:
    """Check what became of the downlink command sent last."""
    downlink = stage.downlink
    if downlink is None:
        raise ActionFailed("no downlink command was sent before")
    await _until(lambda: downlink.state == state, limit or 0.0, partial(_downlink_problem, downlink))


def _downlink_problem(downlink: Downlink) -> str:
    return f"the downlink command is {downlink.state}" + (f" ({downlink.reason})" if downlink.reason else "")


@_action("check", Parameter("KEY", str), Parameter("VALUE", str))
async def check(stage: Stage, limit: float | None, key: str, value: str) -> None:
    """Check a dotted key of the simulation's status, for example `check lwm2m.state observed`."""

    def current() -> str:
        return lookup(stage.simulation.status(), key)

    await _until(lambda: current() == value, limit or 0.0, lambda: f"{key} is {current()}")
