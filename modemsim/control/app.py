"""The control API: a running simulation as HTTP resources under /api/v1, described at /openapi.json.

Every handler is a coroutine, so it runs on the simulation's loop between two events and sees a consistent
state.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from modemsim.control import follow, models, platforms, upgrades

if TYPE_CHECKING:
    from modemsim.simulation import Simulation
    from modemsim.trace import Trace
    from modemsim.world import World

API_VERSION = "1"
PREFIX = "/api/v1"
PAGE = Path(__file__).with_name("page.html")
POLICY = "default-src 'self' 'unsafe-inline'"
"""The page loads nothing from elsewhere."""
_UNAUTHORISED = "send the token that the run printed or was given as 'Authorization: Bearer TOKEN'"
_ERRORS: dict[int | str, dict[str, Any]] = {code: {"model": models.Problem} for code in (401, 404, 409, 422)}


def create_app(simulation: Simulation, token: str | None = None) -> FastAPI:
    """The API over `simulation`; with a token every /api/v1 request needs it as a bearer token."""
    from modemsim.control import faults, module  # what platforms alone do without

    app = _app(simulation.trace, token, module.router, platforms.router, upgrades.router, faults.router)
    app.state.simulation, app.state.world = simulation, simulation.world

    @app.get("/", include_in_schema=False)
    async def page() -> HTMLResponse:
        """The page for a browser, which asks the API for everything it shows."""
        return HTMLResponse(PAGE.read_text(encoding="utf-8"), headers={"Content-Security-Policy": POLICY})

    return app


def create_platform_app(world: World, token: str | None = None) -> FastAPI:
    """The part of the API that platforms without a module have."""
    app = _app(world.trace, token, platforms.router, upgrades.router)
    app.state.world = world
    return app


def _app(trace: Trace, token: str | None, *parts: APIRouter) -> FastAPI:
    app = FastAPI(title="modemsim control API", version=API_VERSION, docs_url=None, redoc_url=None)
    router = APIRouter(prefix=PREFIX, dependencies=[Depends(_guard(token))], responses=_ERRORS)
    for part in (*parts, follow.router):
        router.include_router(part)
    app.include_router(router)
    app.state.follower = follow.Follower(trace)
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
