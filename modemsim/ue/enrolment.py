"""Registration with a stored platform: who starts it, with which server, name and security.

Modules of the Neul family keep the platform's address and a switch; the other families give the server with
the command that registers, and have none of these settings.
"""

from __future__ import annotations

import asyncio
from enum import IntEnum
from typing import TYPE_CHECKING

from modemsim.lwm2m.bootstrap import BootstrapFailed
from modemsim.net import Address
from modemsim.profile import CloudTable
from modemsim.ue.bootstrap import bootstrap, protection_of
from modemsim.ue.security import Protection

if TYPE_CHECKING:
    from modemsim.ue.module import Ue

_BINDINGS = {1: "U", 2: "UQ"}


class Switch(IntEnum):
    """Who registers with the platform; the numbers are those of AT+QREGSWT."""

    HOST = 0
    MODULE = 1
    OFF = 2


class Enrolment:
    """Starts registrations from stored settings; publishes `cloud.wanted` once where the host has to."""

    def __init__(self, ue: Ue, table: CloudTable) -> None:
        self._ue = ue
        self._table = table
        self._announced = False
        self._opening: asyncio.Task[None] | None = None

    @property
    def switch(self) -> Switch:
        """Who registers, as in force now."""
        key, settings = self._table.switch, self._ue.settings
        if key is None:
            return Switch.HOST
        return Switch(settings.pending(key) if self._ue.quirk("switch_at_once") else settings.get(key))

    @property
    def server(self) -> Address | None:
        """The stored server as the host wrote it; None when there is none."""
        for key in self._table.servers:
            stored = self._ue.settings.get(key)
            if stored:
                return str(stored[0]), int(stored[1])
        return None

    @property
    def bootstrap_server(self) -> Address | None:
        """The stored bootstrap server, which is asked when no other server is stored."""
        stored = self._ue.settings.get(self._table.bootstrap) if self._table.bootstrap else None
        return (str(stored[0]), int(stored[1])) if stored and self.server is None else None

    @property
    def possible(self) -> bool:
        """There is a server to register with, or to ask for one."""
        return self.server is not None or self.bootstrap_server is not None

    @property
    def secured(self) -> bool:
        """The host asked for a secured connection."""
        key = self._table.security
        return key is not None and self._ue.settings.get(key) != 0

    @property
    def protection(self) -> Protection | None:
        """How the connection is secured; None when it is plain, or there is no key."""
        table, settings = self._table, self._ue.settings
        stored = settings.get(table.credentials) if table.credentials and self.secured else None
        if not stored:
            return None
        renew = table.lasting is None or settings.get(table.lasting) == 0
        return Protection(stored[0], bytes.fromhex(stored[1]), renew=renew)

    def restart(self) -> None:
        """A start: the host is to be told again."""
        self._announced = False

    def bearer_up(self) -> None:
        """There is an address: register, or tell the host that it may."""
        if self._table.switch is None or self._ue.cloud.live or self._ue.cloud.registering:
            return
        if self.switch is Switch.MODULE and self.possible:
            self.start()
        elif self.switch is Switch.HOST and not self._announced:
            self._announced = True
            self._ue.publish("cloud.wanted")

    def bearer_lost(self) -> None:
        """There is no address any more: what has not led to a session yet leads to none."""
        if self._opening is not None:
            self._opening.cancel()

    def start(self) -> None:
        """Register with the stored server, which there must be; events tell what comes of it.

        Once at a time, and not before the session of before has been left.
        """
        if self._opening is None or self._opening.done():
            self._opening = self._ue.spawn(self._open())

    async def _open(self) -> None:
        await self._ue.cloud.left()
        ue, server = self._ue, self.server or self.bootstrap_server
        if server is None or ue.cloud.live or ue.cloud.registering:
            return
        host, port = server
        address = await ue.resolve(host)
        if address is None or (self.secured and self.protection is None):
            reason = "dtls_error" if address else "dns"
            ue.trace.emit("lwm2m", "no_connection", server=f"{host}:{port}", reason=_REASONS[reason])
            ue.cloud.open_in_vain(server, ue.timing.draw("connection_failure"), reason)
        elif ue.radio.ip is not None and self.server is None:
            await self._bootstrap((address, port))
        elif ue.radio.ip is not None:
            ue.open_cloud(
                (address, port),
                name=self._text(self._table.endpoint),
                binding=self._binding(),
                protection=self.protection,
            )

    async def _bootstrap(self, server: Address) -> None:
        """Ask a bootstrap server for the platform, and register there."""
        ue = self._ue
        hold_off = ue.settings.get(self._table.hold_off) if self._table.hold_off else 0
        await asyncio.sleep(int(hold_off))
        name = self._text(self._table.endpoint) or ue.identity.imei
        try:
            account, address = await bootstrap(ue, server, name, self.protection)
        except BootstrapFailed as problem:
            ue.trace.emit("lwm2m", "bootstrap_failed", server=server[0], reason=str(problem))
            ue.cloud.open_in_vain(server, 0.0, "bootstrap")
            return
        ue.publish("cloud.bootstrapped")
        ue.open_cloud(
            (address, account.port),
            name=name,
            lifetime=account.lifetime,
            binding=account.binding,
            protection=protection_of(account),
        )

    def _text(self, key: str | None) -> str | None:
        return str(self._ue.settings.get(key) or "") or None if key else None

    def _binding(self) -> str | None:
        key = self._table.binding
        return None if key is None else _BINDINGS.get(self._ue.settings.get(key))


_REASONS = {
    "dns": "nobody knows the server's name",
    "dtls_error": "a secured connection was asked for, and there is no key",
}
