"""The control API: a running simulation as HTTP resources under /api/v1, described at /openapi.json.

Every handler is a coroutine, so it runs on the simulation's loop between two events and sees a consistent
state.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from modemsim.control import models
from modemsim.control.faults import fault_routes
from modemsim.control.follow import Follower
from modemsim.control.upgrades import upgrade_routes
from modemsim.platforms import aep_codec
from modemsim.trace import host_port

if TYPE_CHECKING:
    from modemsim.platforms.base import Platform
    from modemsim.platforms.connected import ConnectedPlatform
    from modemsim.platforms.downlinks import Downlink
    from modemsim.platforms.store import Device
    from modemsim.radio.network import Network
    from modemsim.simulation import Simulation

API_VERSION = "1"
PREFIX = "/api/v1"
NDJSON = "application/x-ndjson"
PEM = "application/x-pem-file"
_UNAUTHORISED = "send the token that the run printed or was given as 'Authorization: Bearer TOKEN'"
_ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": models.Problem} for code in (401, 404, 409, 422)}


def create_app(simulation: Simulation, token: str | None = None) -> FastAPI:
    """The API over `simulation`; with a token every /api/v1 request needs it as a bearer token."""
    app = FastAPI(title="modemsim control API", version=API_VERSION, docs_url=None, redoc_url=None)
    follower = Follower(simulation.trace)
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(_guard(token))], responses=_ERRORS)
    _module_routes(router, simulation)
    _platform_routes(router, simulation)
    _owner_routes(router, simulation)
    _downlink_routes(router, simulation)
    upgrade_routes(router, lambda name: _platform(simulation, name))
    _air_routes(router, simulation)
    fault_routes(router, simulation)
    _trace_routes(router, follower)
    app.include_router(router)
    app.state.follower = follower
    app.add_exception_handler(RequestValidationError, _explain_validation)
    app.add_exception_handler(StarletteHTTPException, _explain_http)
    return app


def _guard(token: str | None) -> Any:
    """The dependency that lets only bearers of `token` in; everybody when it is None."""

    async def check(authorization: Annotated[str | None, Header()] = None) -> None:
        given = (authorization or "").encode()
        if token is not None and not secrets.compare_digest(given, f"Bearer {token}".encode()):
            raise HTTPException(401, _UNAUTHORISED, headers={"WWW-Authenticate": "Bearer"})

    return check


async def _explain_validation(request: Request, error: Exception) -> JSONResponse:
    """422 with the first problem as one sentence instead of a list of objects."""
    problem: dict[str, Any] = {"loc": (), "msg": str(error)}
    if isinstance(error, RequestValidationError):
        problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"] if part not in ("body", "path", "query"))
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem.get("type") == "extra_forbidden":
        message = "there is no such field"
    return JSONResponse({"detail": f"{where}: {message}" if where else message}, 422)


async def _explain_http(request: Request, error: Exception) -> JSONResponse:
    """HTTP errors with a sentence of their own, also for paths that do not exist."""
    if not isinstance(error, StarletteHTTPException):
        return JSONResponse({"detail": str(error)}, 500)
    detail = error.detail
    if detail == "Not Found":
        detail = f"there is nothing at {request.url.path}; what there is stands in /openapi.json"
    elif detail == "Method Not Allowed":
        detail = f"{request.url.path} cannot be asked with {request.method}"
    return JSONResponse({"detail": detail}, error.status_code, headers=dict(error.headers or {}))


def _module_routes(router: APIRouter, simulation: Simulation) -> None:
    @router.get("/module")
    async def module() -> models.Module:
        """The running module: who it is and the state of everything in it."""
        return models.Module.model_validate(simulation.status())

    @router.get("/module/energy")
    async def energy(battery_mah: Annotated[float | None, Query(gt=0)] = None) -> models.Energy:
        """The charge taken so far, and how long a battery lasts at that rate."""
        return models.Energy.model_validate(simulation.energy(battery_mah))

    @router.post("/module/power")
    async def power(request: models.PowerRequest) -> models.Module:
        """Switch the module on or off, reset it, or cut its supply."""
        try:
            await simulation.power(request.action)
        except ValueError as error:
            raise HTTPException(409, str(error)) from None
        return models.Module.model_validate(simulation.status())

    @router.post("/module/wake")
    async def wake() -> models.Module:
        """Pull the pin that wakes a sleeping chip."""
        simulation.wake()
        return models.Module.model_validate(simulation.status())

    @router.post("/module/sim")
    async def sim(request: models.SimRequest) -> models.Module:
        """Put the USIM in, or take it out."""
        simulation.sim_present(request.present)
        return models.Module.model_validate(simulation.status())


def _platform(simulation: Simulation, name: str) -> Platform:
    if name in simulation.connected:
        raise HTTPException(409, f"the platform {name} has no registrations to change")
    if name not in simulation.platforms:
        known = ", ".join([*simulation.platforms, *simulation.connected]) or "none in this run"
        raise HTTPException(404, f"there is no platform {name!r}; there are {known}")
    return simulation.platforms[name]


def _any_platform(simulation: Simulation, name: str) -> Platform | ConnectedPlatform:
    return simulation.connected.get(name) or _platform(simulation, name)


def _device(simulation: Simulation, name: str, endpoint: str) -> Device:
    store = _any_platform(simulation, name).store
    if endpoint not in store:
        raise HTTPException(404, f"the platform {name} knows no device {endpoint!r}")
    return store[endpoint]


def _platform_routes(router: APIRouter, simulation: Simulation) -> None:
    @router.get("/platforms")
    async def platforms() -> list[models.PlatformSummary]:
        """The built-in platforms of this run."""
        found: dict[str, Platform | ConnectedPlatform] = {**simulation.platforms, **simulation.connected}
        return [
            models.PlatformSummary(
                name=name, address=host_port(platform.address), devices=len(platform.store)
            )
            for name, platform in found.items()
        ]

    @router.get("/platforms/ca.pem", response_class=Response)
    async def authority() -> Response:
        """The certificate of the authority that signs for the platforms' TLS, for hosts to load."""
        if simulation.world.authority is None:
            raise HTTPException(404, "this run has no platforms of its own")
        return Response(simulation.world.authority.certificate, media_type=PEM)

    @router.get("/platforms/{name}/devices")
    async def devices(name: str) -> list[models.DeviceSummary]:
        """The devices a platform knows."""
        return [_summary(device) for device in _any_platform(simulation, name).store]

    @router.put("/platforms/{name}/devices/{endpoint}")
    async def provision(
        name: str, endpoint: str, request: models.DeviceRequest | None = None
    ) -> models.DeviceSummary:
        """Make a device known, as its owner does in the console; needed where --strict-devices is on.

        With a pre-shared key it registers over DTLS and no other way.
        """
        if request is None or request.psk_hex is None:
            return _summary(_any_platform(simulation, name).store.provision(endpoint))
        store = _platform(simulation, name).store
        try:
            return _summary(store.secure(endpoint, bytes.fromhex(request.psk_hex), request.psk_identity))
        except ValueError as error:
            raise HTTPException(409, str(error)) from None

    @router.delete("/platforms/{name}/devices/{endpoint}", status_code=204)
    async def remove(name: str, endpoint: str) -> None:
        """Delete a device with all it has sent; its registration ends."""
        _device(simulation, name, endpoint)
        _any_platform(simulation, name).store.remove(endpoint)

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
                decoded=_decoded(_any_platform(simulation, name), uplink.payload),
            )
            for uplink in _device(simulation, name, endpoint).uplinks
        ]


def _owner_routes(router: APIRouter, simulation: Simulation) -> None:
    @router.patch("/platforms/{name}/devices/{endpoint}")
    async def change(name: str, endpoint: str, request: models.DeviceChanges) -> models.DeviceSummary:
        """Change what the owner of a device sets in the platform's console."""
        device = _device(simulation, name, endpoint)
        _platform(simulation, name).save_power(endpoint, request.power_saving)
        return _summary(device)

    @router.post("/platforms/{name}/devices/{endpoint}/forget", status_code=204)
    async def forget(name: str, endpoint: str) -> None:
        """Drop the observation of a device, so that its next notification is answered with RST."""
        if not _device(simulation, name, endpoint).observed:
            raise HTTPException(409, f"the platform {name} does not observe the device {endpoint!r} now")
        _platform(simulation, name).forget(endpoint)


def _downlink_routes(router: APIRouter, simulation: Simulation) -> None:
    @router.post("/platforms/{name}/devices/{endpoint}/downlinks", status_code=202)
    async def send(name: str, endpoint: str, request: models.DownlinkRequest) -> models.DownlinkRecord:
        """Send a command to a device; it waits until the device can hear it."""
        _device(simulation, name, endpoint)
        platform, payload = _any_platform(simulation, name), bytes.fromhex(request.payload_hex)
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
        found = _device(simulation, name, endpoint).downlinks.get(id)
        if found is None:
            raise HTTPException(404, f"the device {endpoint!r} has no downlink command {id!r}")
        return _downlink(found)


def _air_routes(router: APIRouter, simulation: Simulation) -> None:
    @router.get("/network")
    async def network() -> models.Network:
        """The access network as it is now."""
        return _network(simulation.network)

    @router.patch("/network")
    async def change_network(changes: models.NetworkChanges) -> models.Network:
        """Change the access network, all values or none."""
        try:
            simulation.network.patch(**changes.model_dump(exclude_unset=True))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        return _network(simulation.network)


def _trace_routes(router: APIRouter, follower: Follower) -> None:
    @router.get("/trace", response_class=StreamingResponse)
    async def trace(follow: Annotated[bool, Query()] = False) -> StreamingResponse:
        """Everything that happened, one JSON object a line; `follow=1` goes on with what happens next."""
        return StreamingResponse(follower.lines(follow=follow), media_type=NDJSON)


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


def _network(network: Network) -> models.Network:
    values = network.values()
    latency = values["latency"]
    return models.Network.model_validate(
        values | {"latency": None if latency is None else (latency.low, latency.mode, latency.high)}
    )
