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

OK, NOT_OPENED, NOT_ALLOWED = 0, 561, 572
"""Error codes of AT+QIGETERROR: none, the context cannot be opened, the operation is not allowed."""

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

    def servers(self) -> list[str]:
        """Addresses of the DNS servers: those the host set, else those of the network."""
        return [str(server) for server in self._settings.get(SERVERS)]

    async def activate(self, cid: int) -> bool:
        """AT+QIACT: True when the context is active (also if it was before); else `error` says why."""
        self.error = OK
        if self.address(cid) is not None:
            return True
        await asyncio.sleep(self._timing.draw("pdp_activate"))
        if cid != DEFAULT and cid in self.definitions() and self._radio.ip is not None:
            self.error = NOT_ALLOWED
        elif cid != DEFAULT or self._radio.ip is None:
            self.error = NOT_OPENED
        else:
            self._set(True, by_host=True)
        return self.error == OK

    async def deactivate(self, cid: int) -> None:
        """AT+QIDEACT: what uses the context loses its connections."""
        if self.address(cid) is not None:
            await asyncio.sleep(self._timing.draw("pdp_deactivate"))
            self._set(False, by_host=True)

    def failed(self, error: int) -> None:
        """Remember why something on a context failed."""
        self.error = error

    def connection_changed(self, ip: str | None) -> None:
        """The PDN connection came or went, and the default context with it."""
        if (ip is not None) != self._open:
            self._set(ip is not None, by_host=False)

    def restart(self) -> None:
        """Power-on: nothing is active, no error is known."""
        self._open = False
        self.error = OK

    def _set(self, up: bool, *, by_host: bool) -> None:
        self._open = up
        self._publish("pdp", cid=DEFAULT, up=up, ip=self._radio.ip, by_host=by_host)
