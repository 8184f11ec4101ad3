"""The module's secured connection: the profile's choices and the host's key make a DTLS socket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modemsim.coap.dtls.association import Ended, Timers
from modemsim.coap.dtls.client import DtlsClientSocket, Security
from modemsim.coap.dtls.engine import Credentials, Suite
from modemsim.coap.endpoint import DatagramSocket
from modemsim.lwm2m.client import Client
from modemsim.lwm2m.outcome import UNSECURED
from modemsim.net import Address

if TYPE_CHECKING:
    from modemsim.ue.module import Ue


@dataclass(frozen=True, slots=True)
class Protection:
    """What the host says about a secured connection: who the module is, and the key.

    Without `suites` the profile's are offered; without `renew` a session lasts however long the module is
    silent.
    """

    identity: str
    key: bytes = field(repr=False)
    suites: tuple[Suite, ...] = ()
    renew: bool = True


def secure(ue: Ue, socket: DatagramSocket, server: Address, protection: Protection) -> DtlsClientSocket:
    """A secured socket over `socket`."""
    table = ue.profile.dtls
    security = Security(
        Credentials(protection.identity, protection.key),
        protection.suites or tuple(Suite(name) for name in table.suites),
        Timers(table.retransmit_first, table.retransmit_longest),
        table.renew_after if protection.renew else None,
        table.resume,
        table.backend,
        ue.keylog,
    )
    return DtlsClientSocket(socket, server, security, trace=ue.trace)


def follow(socket: DtlsClientSocket, client: Client, publish: Callable[..., None]) -> None:
    """Let the client's messages wait for the connection, and tell what becomes of it as "lwm2m.security".

    A failure is "lwm2m.unsecured" too, once everything that waited for the connection has failed.
    """

    def changed(change: str, ended: Ended | None = None, **values: Any) -> None:
        state = "running" if change == "handshake" else change
        reason = None if ended is None else f"{UNSECURED}_{ended.cause}"
        publish("lwm2m.security", state=state, reason=reason)
        if change == "up":
            client.connected()
        elif reason is not None and change == "failed":
            client.unsecured(reason)
            publish("lwm2m.unsecured", reason=reason)

    client.secured = socket
    client.hold_while(lambda: socket.shaking)
    socket.on_change = changed
