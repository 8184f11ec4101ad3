"""The platforms in the control API: their devices, what those sent, and what is sent to them."""

from __future__ import annotations

import base64

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from modemsim.control import models
from modemsim.control.found import FoundDevice, FoundLwm2m, FoundPlatform, FoundWorld, lwm2m_platform
from modemsim.platforms import aep_codec
from modemsim.platforms.base import Platform
from modemsim.platforms.connected import ConnectedPlatform
from modemsim.platforms.downlinks import Downlink
from modemsim.platforms.store import Device
from modemsim.trace import host_port

PEM = "application/x-pem-file"

router = APIRouter(prefix="/platforms")
DEVICES = "/{name}/devices"
DEVICE = DEVICES + "/{endpoint}"


@router.get("")
async def platforms(world: FoundWorld) -> list[models.PlatformSummary]:
    """The built-in platforms of this run."""
    found: dict[str, Platform | ConnectedPlatform] = {**world.platforms, **world.connected}
    return [
        models.PlatformSummary(name=name, address=host_port(platform.address), devices=len(platform.store))
        for name, platform in found.items()
    ]


@router.get("/ca.pem", response_class=Response)
async def authority(world: FoundWorld) -> Response:
    """The certificate of the authority that signs for the platforms' TLS, for hosts to load."""
    if world.authority is None:
        raise HTTPException(404, "this run has no platforms of its own")
    return Response(world.authority.certificate, media_type=PEM)


@router.get(DEVICES)
async def devices(platform: FoundPlatform) -> list[models.DeviceSummary]:
    """The devices a platform knows."""
    return [_summary(device) for device in platform.store]


# ------------------------------------------------------------------ what the owner of a device does


@router.put(DEVICE)
async def provision(
    world: FoundWorld,
    platform: FoundPlatform,
    name: str,
    endpoint: str,
    request: models.DeviceRequest | None = None,
) -> models.DeviceSummary:
    """Make a device known, as its owner does in the console; needed where --strict-devices is on.

    With a pre-shared key it registers over DTLS and no other way.
    """
    if request is None or request.psk_hex is None:
        return _summary(platform.store.provision(endpoint))
    store = lwm2m_platform(world, name).store
    try:
        return _summary(store.secure(endpoint, bytes.fromhex(request.psk_hex), request.psk_identity))
    except ValueError as error:
        raise HTTPException(409, str(error)) from None


@router.delete(DEVICE, status_code=204)
async def remove(platform: FoundPlatform, device: FoundDevice) -> None:
    """Delete a device with all it has sent; its registration ends."""
    platform.store.remove(device.endpoint)


@router.patch(DEVICE)
async def change(
    device: FoundDevice, platform: FoundLwm2m, request: models.DeviceChanges
) -> models.DeviceSummary:
    """Change what the owner of a device sets in the platform's console."""
    platform.save_power(device.endpoint, request.power_saving)
    return _summary(device)


@router.post(DEVICE + "/forget", status_code=204)
async def forget(device: FoundDevice, platform: FoundLwm2m) -> None:
    """Drop the observation of a device, so that its next notification is answered with RST."""
    name, endpoint = platform.name, device.endpoint
    if not device.observed:
        raise HTTPException(409, f"the platform {name} does not observe the device {endpoint!r} now")
    platform.forget(endpoint)


# ------------------------------------------------------------------ data in both directions


@router.get(DEVICE + "/uplinks")
async def uplinks(platform: FoundPlatform, device: FoundDevice) -> list[models.UplinkRecord]:
    """What a device sent, oldest first."""
    return [
        models.UplinkRecord(
            time=uplink.time,
            path=uplink.path,
            payload_hex=uplink.payload.hex().upper(),
            payload_base64=base64.b64encode(uplink.payload).decode(),
            type=uplink.type,
            message_id=uplink.message_id,
            decoded=_decoded(platform, uplink.payload),
        )
        for uplink in device.uplinks
    ]


@router.post(DEVICE + "/downlinks", status_code=202)
async def send(
    platform: FoundPlatform, device: FoundDevice, request: models.DownlinkRequest
) -> models.DownlinkRecord:
    """Send a command to a device; it waits until the device can hear it."""
    endpoint, payload = device.endpoint, bytes.fromhex(request.payload_hex)
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


@router.get(DEVICE + "/downlinks/{id}")
async def downlink(device: FoundDevice, id: str) -> models.DownlinkRecord:
    """What became of a command."""
    found = device.downlinks.get(id)
    if found is None:
        raise HTTPException(404, f"the device {device.endpoint!r} has no downlink command {id!r}")
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
