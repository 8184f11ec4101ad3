"""The control API beside a run: a taken port is said at once, the framework loads when the run is ready."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING

from modemsim import clock
from modemsim.cli_common import fail, parse_address, warn
from modemsim.control.sockets import is_loopback, listen

if TYPE_CHECKING:
    from fastapi import FastAPI

    from modemsim.control.server import ControlServer

MakeApp = Callable[[str | None], "FastAPI"]
"""Makes the API, given the token that its clients need."""


STOP_LIMIT = 1.5
"""Real seconds for an orderly end; what has not ended then is dropped."""


class ControlApi:
    """The API at the address of --control, or none; CliError when nothing can listen there."""

    def __init__(self, address: str | None, token: str | None, resources: contextlib.ExitStack) -> None:
        self.token = token
        self._listener: socket.socket | None = None
        self._task: asyncio.Task[ControlServer] | None = None
        if address is None:
            return
        host, port = parse_address("--control", address)
        try:
            self._listener = listen(host, port)
        except OSError as error:
            fail(f"--control {address}: cannot listen there: {error.strerror or error}")
        resources.callback(self._listener.close)
        if token is None and not is_loopback(host):
            self.token = secrets.token_urlsafe(24)

    def banner(self) -> Iterator[str]:
        """Where it is, and the token."""
        if self._listener is not None:
            host, number = self._listener.getsockname()[:2]
            yield f"control    http://{f'[{host}]' if ':' in host else host}:{number}"
        if self.token is not None:
            yield f"token      {self.token}"

    def start(self, make: MakeApp) -> None:
        """Load the framework and serve, while everything else goes on."""
        if self._listener is not None:
            self._task = asyncio.create_task(self._serve(self._listener, make))
            self._task.add_done_callback(_report)

    async def _serve(self, listener: socket.socket, make: MakeApp) -> ControlServer:
        with clock.hold():
            await asyncio.get_running_loop().run_in_executor(None, _load)
        from modemsim.control.server import ControlServer

        return ControlServer(make(self.token), listener)

    async def stop(self) -> None:
        """Answer what is under way, then close every connection."""
        task = self._task
        if task is None or task.cancel() or task.cancelled() or task.exception():
            return
        await task.result().stop()


async def finish(stop: Callable[[], Awaitable[None]], control: ControlApi, limit: float = STOP_LIMIT) -> None:
    """End a run at once, then its API, all within `limit` simulated seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(limit):
            await stop()
            await control.stop()


def _load() -> None:
    for name in ("app", "server"):
        import_module(f"modemsim.control.{name}")


def _report(task: asyncio.Task[ControlServer]) -> None:
    if not task.cancelled() and task.exception() is not None:
        warn(f"the control API cannot be served: {task.exception()}")
