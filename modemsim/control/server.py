"""Serves the control API inside the running loop: no thread, no signal handlers, its own socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from modemsim import clock
from modemsim.control.sockets import listen

GRACE = 1
"""Seconds uvicorn gives open requests when it stops."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: who runs the loop decides about signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the process's signal handlers alone."""
        yield


class ControlServer:
    """The API being served on a listening socket, which it owns; `stop` also ends followed streams."""

    def __init__(self, app: FastAPI, listener: socket.socket) -> None:
        self._app = app
        config = uvicorn.Config(
            app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=GRACE, access_log=False
        )
        self._server = _Server(config)
        self._listener = listener
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listener]))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    async def stop(self) -> None:
        """Answer what is under way, then close every connection."""
        self._app.state.follower.close()
        self._server.should_exit = True
        with clock.hold():
            await self._task
        self._listener.close()


async def serve(app: FastAPI, host: str = "127.0.0.1", port: int = 7001) -> ControlServer:
    """Serve `app` from now on (port 0: any free one); raises OSError when the port is taken."""
    return ControlServer(app, listen(host, port))
