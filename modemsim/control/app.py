"""The control API: a running simulation as HTTP resources under /api/v1, described at /openapi.json.

Every handler is a coroutine, so it runs on the simulation's loop between two events and sees a consistent
state.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from modemsim.control import models
from modemsim.control.faults import fault_routes
from modemsim.control.follow import Follower
from modemsim.control.platforms import platform_routes

if TYPE_CHECKING:
    from modemsim.radio.network import Network
    from modemsim.simulation import Simulation
    from modemsim.trace import Trace
    from modemsim.world import World

API_VERSION = "1"
PREFIX = "/api/v1"
NDJSON = "application/x-ndjson"
PAGE = Path(__file__).with_name("page.html")
POLICY = "default-src 'self' 'unsafe-inline'"
"""The page loads nothing from elsewhere."""
_UNAUTHORISED = "send the token that the run printed or was given as 'Authorization: Bearer TOKEN'"
_ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": models.Problem} for code in (401, 404, 409, 422)}


def create_app(simulation: Simulation, token: str | None = None) -> FastAPI:
    """The API over `simulation`; with a token every /api/v1 request needs it as a bearer token."""

    def routes(router: APIRouter) -> None:
        _module_routes(router, simulation)
        platform_routes(router, simulation.world)
        _air_routes(router, simulation)
        fault_routes(router, simulation)

    app = _app(simulation.trace, token, routes)

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        """The page for a browser, which asks the API for everything it shows."""
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers={"Content-Security-Policy": POLICY})

    return app


def create_platform_app(world: World, token: str | None = None) -> FastAPI:
    """The part of the API that platforms without a module have."""
    return _app(world.trace, token, lambda router: platform_routes(router, world))


def _app(trace: Trace, token: str | None, routes: Callable[[APIRouter], None]) -> FastAPI:
    app = FastAPI(title="modemsim control API", version=API_VERSION, docs_url=None, redoc_url=None)
    follower = Follower(trace)
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(_guard(token))], responses=_ERRORS)
    routes(router)
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


def _network(network: Network) -> models.Network:
    values = network.values()
    latency = values["latency"]
    return models.Network.model_validate(
        values | {"latency": None if latency is None else (latency.low, latency.mode, latency.high)}
    )
