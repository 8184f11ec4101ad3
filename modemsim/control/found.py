"""What a request is about, found by the words in its path: the world, a platform, a device there.

FastAPI asks for these before each handler; they are coroutines because it would run functions in a thread.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from modemsim.platforms.base import Platform
from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.store import Device
from modemsim.world import World


async def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


FoundWorld = Annotated[World, Depends(_world)]


def lwm2m_platform(world: World, name: str) -> Platform:
    """The LwM2M platform of a name; raises HTTPException, 409 for one that has no registrations."""
    if name in world.connected:
        raise HTTPException(409, f"the platform {name} has no registrations to change")
    if name not in world.platforms:
        known = ", ".join([*world.platforms, *world.connected]) or "none in this run"
        raise HTTPException(404, f"there is no platform {name!r}; there are {known}")
    return world.platforms[name]


async def _lwm2m_platform(name: str, world: FoundWorld) -> Platform:
    return lwm2m_platform(world, name)


async def _platform(name: str, world: FoundWorld) -> Platform | ConnectedPlatform:
    return world.connected.get(name) or lwm2m_platform(world, name)


FoundLwm2m = Annotated[Platform, Depends(_lwm2m_platform)]
"""The platform of {name}, where it has to be one for LwM2M."""
FoundPlatform = Annotated[Platform | ConnectedPlatform, Depends(_platform)]
"""The platform of {name}, of either kind."""


async def _device(endpoint: str, platform: FoundPlatform) -> Device:
    if endpoint not in platform.store:
        raise HTTPException(404, f"the platform {platform.name} knows no device {endpoint!r}")
    return platform.store[endpoint]


FoundDevice = Annotated[Device, Depends(_device)]
"""The device of {endpoint} at the platform of {name}."""
