"""What connections send by themselves at a period of the host's, to stay alive at the far end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from modemsim.timing import Timing
from modemsim.ue.socket_options import SocketOptions
from modemsim.ue.sockets import Socket, Sockets, State

ANSWER = "heartbeat_answer"
"""Name of the timing a heartbeat has for its acknowledgement, once and for each further attempt."""


class Heartbeats:
    """One beat for each socket that the host gave one; publishes `socket.unanswered`."""

    def __init__(
        self,
        sockets: Sockets,
        options: SocketOptions,
        timing: Timing,
        publish: Callable[..., None],
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
    ) -> None:
        self._sockets = sockets
        self._options = options
        self._timing = timing
        self._publish = publish
        self._spawn = spawn
        self._tasks: dict[int, asyncio.Task[Any]] = {}

    def start(self, socket: Socket) -> None:
        """A socket is connected: beat from now on, if there is something to send."""
        old = self._tasks.pop(socket.id, None)
        if old is not None:
            old.cancel()
        if self._options.heartbeat(socket.id) is not None:
            self._tasks[socket.id] = self._spawn(self._beat(socket))

    def changed(self) -> None:
        """The host has changed what is sent, or when."""
        for socket in self._sockets:
            if socket.state is State.CONNECTED:
                self.start(socket)

    def clear(self) -> None:
        """The power is gone."""
        self._tasks.clear()

    async def _beat(self, socket: Socket) -> None:
        while (beat := self._options.heartbeat(socket.id)) is not None:
            await asyncio.sleep(beat.period)
            if self._sockets.get(socket.id) is not socket or socket.state is not State.CONNECTED:
                return
            if self._sockets.send(socket, beat.data) and not await self._answered(socket, beat.patience):
                self._publish("socket.unanswered", id=socket.id)

    async def _answered(self, socket: Socket, patience: int) -> bool:
        """Whether the peer has it in time; a datagram is not asked for."""
        if socket.tcp is None:
            return True
        try:
            async with asyncio.timeout((1 + patience) * self._timing.draw(ANSWER)):
                return await socket.tcp.delivered()
        except TimeoutError:
            return False
