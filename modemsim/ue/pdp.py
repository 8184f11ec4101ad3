"""Packet data contexts as Quectel's LTE modules show them: definitions, activation, DNS servers, last error.

The network of the simulation gives a module one PDN connection, that of the attach. It carries the context
`DEFAULT`; any other one is refused as a network with a single PDN does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from modemsim.radio.radio import Radio
from modemsim.timing import Timing
from modemsim.ue.settings import Settings

DEFAULT = 1
"""The context of the attach."""

DEFINITIONS = "+QICSGP.contexts"
SERVERS = "+QIDNSCFG.servers"

OK, NOT_OPENED, NOT_CLOSED, BUSY, NOT_ALLOWED, NOT_DEFINED = 0, 561, 562, 568, 572, 573
"""Error codes of AT+QIGETERROR: none, context not opened, not closed, another (de)activation runs, the
operation is not allowed, the context has no access point name (newer stack of the same chip family)."""

KINDS = {1: "IP", 2: "IPV6", 3: "IPV4V6"}
"""Context types of AT+QICSGP and their names in AT+CGDCONT."""


@dataclass(frozen=True)
class Context:
    """One definition: type (see `KINDS`), access point name, user name, password, authentication (0 none)."""

    kind: int = 1
    apn: str = ""
    user: str = ""
    password: str = ""
    authentication: int = 0


class PdpContexts:
    """The contexts of one module; `publish` hears "pdp" (cid, up, ip, by_host)."""

    def __init__(
        self, radio: Radio, settings: Settings, timing: Timing, publish: Callable[..., None]
    ) -> None:
        self._radio = radio
        self._settings = settings
        self._timing = timing
        self._publish = publish
        self._open = False
        self._ended_by_host = False
        self.busy = False
        """An activation or deactivation runs."""
        self.activations: Callable[[], int] = lambda: 1
        """How often an activation is tried."""
        self.error = OK

    def definitions(self) -> dict[int, Context]:
        """What is defined, by context number."""
        stored = self._settings.get(DEFINITIONS) or {}
        return {int(cid): Context(*values) for cid, values in sorted(stored.items(), key=lambda i: int(i[0]))}

    def define(self, cid: int, context: Context | None) -> None:
        """Define or remove one; the default context always stays."""
        known = self.definitions()
        if context is not None:
            known[cid] = context
        elif cid != DEFAULT:
            known.pop(cid, None)
        stored = {
            str(number): [one.kind, one.apn, one.user, one.password, one.authentication]
            for number, one in known.items()
        }
        self._settings.set(DEFINITIONS, stored)

    def address(self, cid: int) -> str | None:
        """The address of an active context; None when it is not active."""
        return self._radio.ip if cid == DEFAULT and self._open else None

    def carries(self, cid: int) -> bool:
        """Whether data can go over a context; 0 stands for the one of the attach.

        A module whose host defines no contexts has that one by whatever number.
        """
        known = cid in (0, DEFAULT) or not self.definitions()
        return self._radio.ip is not None and known and not self._ended_by_host

    def servers(self) -> list[str]:
        """Addresses of the DNS servers: those the host set, else those of the network."""
        return [str(server) for server in self._settings.get(SERVERS)]

    async def activate(self, cid: int) -> bool:
        """AT+QIACT: True when the context is active (also if it was before); else `error` says why."""
        self.error = BUSY if self.busy else OK
        if self.busy or self.address(cid) is not None:
            return not self.busy
        self.busy = True
        try:
            self.error = await self._activate(cid)
        finally:
            self.busy = False
        if self.error == OK:
            self._set(True, by_host=True)
        return self.error == OK

    async def _activate(self, cid: int) -> int:
        """The error of the last attempt; one that the network refuses for good is not repeated."""
        for _ in range(self.activations()):
            await asyncio.sleep(self._timing.draw("pdp_activate"))
            if cid not in self.definitions():
                return NOT_DEFINED
            if self._radio.ip is not None:
                return OK if cid == DEFAULT else NOT_ALLOWED
        return NOT_OPENED

    async def deactivate(self, cid: int) -> bool:
        """AT+QIDEACT: what uses the context loses its connections; an inactive one counts as deactivated."""
        if self.busy or cid not in self.definitions():
            self.error = BUSY if self.busy else NOT_CLOSED
            return False
        if self.address(cid) is not None:
            self.busy = True
            try:
                await asyncio.sleep(self._timing.draw("pdp_deactivate"))
            finally:
                self.busy = False
            self._set(False, by_host=True)
        return True

    def failed(self, error: int) -> None:
        """Remember why something on a context failed."""
        self.error = error

    def connection_changed(self, ip: str | None) -> None:
        """The PDN connection came or went, and the default context with it."""
        if (ip is not None) != self._open:
            self._set(ip is not None, by_host=False)

    def restart(self) -> None:
        """Power-on: nothing is active, no error is known."""
        self._open = self._ended_by_host = self.busy = False
        self.error = OK

    def _set(self, up: bool, *, by_host: bool) -> None:
        self._open, self._ended_by_host = up, by_host and not up
        self._publish("pdp", cid=DEFAULT, up=up, ip=self._radio.ip, by_host=by_host)
