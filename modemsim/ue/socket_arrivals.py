"""Connections that come to a listener of the module: accepted by itself, or when the host says so."""

from __future__ import annotations

from collections.abc import Callable

from modemsim.net.tcp import TcpSocket
from modemsim.ue.sockets import Kind, Socket, Sockets, State


class Arrivals:
    """Gives incoming connections a number; publishes `socket.incoming`, `.incoming_full` and `.asking`."""

    def __init__(self, sockets: Sockets, publish: Callable[..., None]) -> None:
        self._sockets = sockets
        self._publish = publish

    def came(self, listener: Socket, tcp: TcpSocket) -> None:
        """A connection has come to a listener."""
        if self._sockets.options.accepts:
            self._take_in(listener, tcp)
        elif listener.waiting.put(tcp):
            self._publish("socket.asking", server=listener.id)
        else:
            self._publish("socket.incoming_full", server=listener.id)

    def answer(self, listener: Socket, accepted: bool) -> bool:
        """The host's word on the connection that waits first; False when it finds none, or no number."""
        return listener.waiting.answer(accepted, lambda tcp: self._take_in(listener, tcp))

    def _take_in(self, listener: Socket, tcp: TcpSocket) -> bool:
        sockets = self._sockets
        id = sockets.free()
        if id is None:
            tcp.abort()
            self._publish("socket.incoming_full", server=listener.id)
            return False
        host, port = tcp.peer
        inherited = {"access": listener.access, "context": listener.context, "server": listener.id}
        place = {"host": host, "port": port, "local_port": listener.local_port}
        socket = sockets.create(id, Kind.INCOMING, **inherited, **place)
        socket.tcp = sockets.adopt(socket, tcp)
        tcp.keep_alive(sockets.options.keep_alive())
        tcp.read_on()
        socket.state = State.CONNECTED
        self._publish("socket.incoming", id=id, server=listener.id, host=host, port=port)
        sockets.on_connected(socket)
        return True
