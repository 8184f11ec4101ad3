"""The platforms in the control API: their devices, what those sent, and what is sent to them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from modemsim.control import models
from modemsim.control.upgrades import upgrade_routes
from modemsim.platforms import aep_codec
from modemsim.trace import host_port

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.platforms.connected import ConnectedPlatform
    from modemsim.platforms.downlinks import Downlink
    from modemsim.platforms.store import Device
    from modemsim.world import World

PEM = "application/x-pem-file"


def platform_routes(router: APIRouter, world: World) -> None:
    """Add everything below /platforms."""
    _device_routes(router, world)
    _owner_routes(router, world)
    _downlink_routes(router, world)
    upgrade_routes(router, lambda name: _platform(world, name))


def _platform(world: World, name: str) -> Platform:
    if name in world.connected:
        raise HTTPException(409, f"the platform {name} has no registrations to change")
    if name not in world.platforms:
        known = ", ".join([*world.platforms, *world.connected]) or "none in this run"
        raise HTTPException(404, f"there is no platform {name!r}; there are {known}")
    return world.platforms[name]


def _any_platform(world: World, name: str) -> Platform | ConnectedPlatform:
    return world.connected.get(name) or _platform(world, name)


def _device(world: World, name: str, endpoint: str) -> Device:
    store = _any_platform(world, name).store
    if endpoint not in store:
        raise HTTPException(404, f"the platform {name} knows no device {endpoint!r}")
    return store[endpoint]


def _device_routes(router: APIRouter, world: World) -> None:
    @router.get("/platforms")
    async def platforms() -> list[models.PlatformSummary]:
        """The built-in platforms of this run."""
        found: dict[str, Platform | ConnectedPlatform] = {**world.platforms, **world.connected}
        return [
            models.PlatformSummary(
                name=name, address=host_port(platform.address), devices=len(platform.store)
            )
            for name, platform in found.items()
        ]

    @router.get("/platforms/ca.pem", response_class=Response)
    async def authority() -> Response:
        """The certificate of the authority that signs for the platforms' TLS, for hosts to load."""
        if world.authority is None:
            raise HTTPException(404, "this run has no platforms of its own")
        return Response(world.authority.certificate, media_type=PEM)

    @router.get("/platforms/{name}/devices")
    async def devices(name: str) -> list[models.DeviceSummary]:
        """The devices a platform knows."""
        return [_summary(device) for device in _any_platform(world, name).store]

    @router.put("/platforms/{name}/devices/{endpoint}")
    async def provision(
        name: str, endpoint: str, request: models.DeviceRequest | None = None
    ) -> models.DeviceSummary:
        """Make a device known, as its owner does in the console; needed where --strict-devices is on.

        With a pre-shared key it registers over DTLS and no other way.
        """
        if request is None or request.psk_hex is None:
            return _summary(_any_platform(world, name).store.provision(endpoint))
        store = _platform(world, name).store
        try:
            return _summary(store.secure(endpoint, bytes.fromhex(request.psk_hex), request.psk_identity))
        except ValueError as error:
            raise HTTPException(409, str(error)) from None

    @router.delete("/platforms/{name}/devices/{endpoint}", status_code=204)
    async def remove(name: str, endpoint: str) -> None:
        """Delete a device with all it has sent; its registration ends."""
        _device(world, name, endpoint)
        _any_platform(world, name).store.remove(endpoint)

    @router.get("/platforms/{name}/devices/{endpoint}/uplinks")
    async def uplinks(name: str, endpoint: str) -> list[models.UplinkRecord]:
        """What a device sent, oldest first."""
        return [
            models.UplinkRecord(
                time=uplink.time,
                path=uplink.path,
                payload_hex=uplink.payload.hex().upper(),
                payload_base64=base64.b64encode(uplink.payload).decode(),
                type=uplink.type,
                message_id=uplink.message_id,
                decoded=_decoded(_any_platform(world, name), uplink.payload),
            )
            for uplink in _device(world, name, endpoint).uplinks
        ]


def _owner_routes(router: APIRouter, world: World) -> None:
    @router.patch("/platforms/{name}/devices/{endpoint}")
    async def change(name: str, endpoint: str, request: models.DeviceChanges) -> models.DeviceSummary:
        """Change what the owner of a device sets in the platform's console."""
        device = _device(world, name, endpoint)
        _platform(world, name).save_power(endpoint, request.power_saving)
        return _summary(device)

    @router.post("/platforms/{name}/devices/{endpoint}/forget", status_code=204)
    async def forget(name: str, endpoint: str) -> None:
        """Drop the observation of a device, so that its next notification is answered with RST."""
        if not _device(world, name, endpoint).observed:
            raise HTTPException(409, f"the platform {name} does not observe the device {endpoint!r} now")
        _platform(world, name).forget(endpoint)


def _downlink_routes(router: APIRouter, world: World) -> None:
    @router.post("/platforms/{name}/devices/{endpoint}/downlinks", status_code=202)
    async def send(name: str, endpoint: str, request: models.DownlinkRequest) -> models.DownlinkRecord:
        """Send a command to a device; it waits until the device can hear it."""
        _device(world, name, endpoint)
        platform, payload = _any_platform(world, name), bytes.fromhex(request.payload_hex)
        if request.service_id is None:
            if request.variable:
                raise HTTPException(422, "variable: only the body of a service command has fields")
            return _downlink(platform.downlink(endpoint, payload))
        try:
            body = aep_codec.pack([payload], [None]) if request.variable else payload
            return _downlink(platform.command(endpoint, request.service_id, body))
        except aep_codec.CodecError as error:
            raise HTTPException(422, str(error)) from None
        except TypeError as error:
            raise HTTPException(409, str(error)) from None

    @router.get("/platforms/{name}/devices/{endpoint}/downlinks/{id}")
    async def downlink(name: str, endpoint: str, id: str) -> models.DownlinkRecord:
        """What became of a command."""
        found = _device(world, name, endpoint).downlinks.get(id)
        if found is None:
            raise HTTPException(404, f"the device {endpoint!r} has no downlink command {id!r}")
        return _downlink(found)


def _summary(device: Device) -> models.DeviceSummary:
    return models.DeviceSummary(
        endpoint=device.endpoint,
        registered=device.registered,
        lifetime=device.lifetime,
        binding=device.binding,
        address=host_port(device.address) if device.address else None,
        psk_identity=device.psk_identity,
        objects=device.objects,
        observed=device.observed,
        last_heard=device.last_heard,
        power_saving=device.power_saving,
    )


def _decoded(platform: Platform | ConnectedPlatform, payload: bytes) -> models.ServicePayload | None:
    """A payload in AEP's codec, if it is one."""
    frame = platform.decode(payload)
    if frame is None:
        return None
    value = aep_codec.variable(frame.body)
    return models.ServicePayload.model_validate(
        {
            "kind": frame.kind.label,
            "service_id": frame.service_id,
            "task_id": frame.task_id,
            "body_hex": frame.body.hex().upper(),
            "value_hex": None if value is None else value.hex().upper(),
        }
    )


def _downlink(downlink: Downlink) -> models.DownlinkRecord:
    return models.DownlinkRecord(
        id=downlink.id,
        state=downlink.state.value,
        payload_hex=downlink.payload.hex().upper(),
        reason=downlink.reason,
        task_id=downlink.task_id,
        response_hex=None if downlink.response is None else downlink.response.hex().upper(),
    )
