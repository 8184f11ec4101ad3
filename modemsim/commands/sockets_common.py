"""What the socket commands of several families ask first; each refuses with its own named situation."""

from __future__ import annotations

from modemsim.at.command import Command
from modemsim.at.result import Refusal
from modemsim.ue.module import Ue
from modemsim.ue.socket import Socket, State


class SocketCommand(Command):
    """Base of a command about sockets and names: the module remembers why it was refused."""

    group = "sockets"

    def refused(self, ue: Ue, situation: str) -> None:
        """Keep the reason for AT+QIGETERROR."""
        ue.sockets.failed(situation)


PING = "ping"
"""The job of an echo request; see `begin`."""


def begin(ue: Ue, job: str, situation: str = "running") -> None:
    """Start what can run only once at a time; refuses while it runs."""
    if job in ue.sockets.jobs:
        raise Refusal(situation)
    ue.sockets.jobs.add(job)


def find(ue: Ue, id: int) -> Socket:
    """The socket of that number; refuses when there is none."""
    socket = ue.sockets.get(id)
    if socket is None:
        raise Refusal("no_socket")
    return socket


def connected(ue: Ue, id: int) -> Socket:
    """The socket of that number if data can be sent on it."""
    socket = find(ue, id)
    if socket.state is not State.CONNECTED:
        raise Refusal("not_connected")
    return socket


def progress(socket: Socket) -> dict[str, int]:
    """What became of the data sent on a socket."""
    return {"sent": socket.sent, "acked": socket.acked, "unacked": socket.sent - socket.acked}
