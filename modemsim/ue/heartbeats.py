"""What connections send by themselves at a period of the host's, to stay alive at the far end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from modemsim.net.tls import Stream
from modemsim.timing import Timing
from modemsim.ue.socket import Socket, State
from modemsim.ue.socket_options import Heartbeat, SocketOptions
from modemsim.ue.sockets import Sockets

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
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def start(self, socket: Socket) -> None:
        """A socket is connected: beat from now on, if there is something to send."""
        old = self._timers.pop(socket.id, None)
        if old is not None:
            old.cancel()
        beat = self._options.heartbeat(socket.id)
        if beat is not None:
            loop = asyncio.get_running_loop()
            self._timers[socket.id] = loop.call_later(beat.period, self._due, socket, beat)

    def changed(self) -> None:
        """The host has changed what is sent, or when."""
        for socket in self._sockets:
            if socket.state is State.CONNECTED:
                self.start(socket)

    def clear(self) -> None:
        """The power is gone."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due(self, socket: Socket, beat: Heartbeat) -> None:
        if self._sockets.get(socket.id) is not socket or socket.state is not State.CONNECTED:
            return
        if self._sockets.send(socket, beat.data) and socket.tcp is not None:
            self._spawn(self._watch(socket, socket.tcp, beat.patience))
        self.start(socket)

    async def _watch(self, socket: Socket, tcp: Stream, patience: int) -> None:
        """Tell when the peer does not have it in time; a datagram is not asked for."""
        try:
            async with asyncio.timeout((1 + patience) * self._timing.draw(ANSWER)):
                delivered = await tcp.delivered()
        except TimeoutError:
            delivered = False
        if not delivered:
            self._publish("socket.unanswered", id=socket.id)
