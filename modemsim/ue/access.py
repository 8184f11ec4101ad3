"""The module's side of the access network: functionality, operator choice, bands and bearer contexts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from modemsim.profile import AccessTable
from modemsim.radio.emm import Emm
from modemsim.radio.network import Network
from modemsim.radio.radio import Radio
from modemsim.timing import Timing
from modemsim.ue.saving import edrx_fields, granted_fields
from modemsim.ue.settings import Settings

OPERATORS: Mapping[str, tuple[str, str]] = {
    "46000": ("CHINA MOBILE", "CMCC"),
    "46001": ("CHN-UNICOM", "UNICOM"),
    "46011": ("CHINA TELECOM", "CT"),
}
"""Long and short names of the operators a module knows."""

AUTOMATIC, MANUAL, DEREGISTER = 0, 1, 2
CONTEXTS = "+CGDCONT.contexts"
LOCK = "cell_lock"
"""Setting with channel and physical id of the one cell a module may use; empty or missing: any."""


class Access:
    """What CFUN, COPS, QBAND and CGDCONT act on."""

    def __init__(
        self,
        radio: Radio,
        network: Network,
        settings: Settings,
        timing: Timing,
        spawn: Callable[[Coroutine[Any, Any, Any]], asyncio.Task[Any]],
        table: AccessTable,
    ) -> None:
        self._radio = radio
        self._network = network
        self._settings = settings
        self._timing = timing
        self._spawn = spawn
        self._table = table
        self.functionality = 1
        radio.reselection.allowed = lambda: not table.reselection or bool(settings.get(table.reselection))
        self.apn = network.apn
        """The access point of the default bearer that came up last."""

    @property
    def searching(self) -> bool:
        """The module looks for a network."""
        return self._radio.emm in (Emm.SEARCHING, Emm.ATTACHING)

    def start(self) -> None:
        """Power-on: full functionality, and a search unless settings forbid it."""
        self.functionality = int(self.autoconnect)
        if self.autoconnect:
            self._switch_on()

    @property
    def autoconnect(self) -> bool:
        """The module switches its radio on and attaches without being asked to."""
        key = self._table.autoconnect
        return key is None or bool(self._settings.get(key))

    async def set_functionality(self, fun: int) -> None:
        """AT+CFUN=: leave the network for 0 and 4, search again for 1."""
        self.functionality = fun
        if fun == 1:
            self._switch_on()
        else:
            await self._radio.switch_off()

    def registration(self) -> dict[str, Any]:
        """EPS registration as the fields of +CEREG."""
        known = self._radio.attached
        return registration_fields(
            {
                "stat": self._radio.emm.stat,
                "tac": self._network.tac if known else None,
                "ci": self._network.cell_id if known else None,
                "act": self._radio.act if known else None,
                "reject": self._radio.reject,
                "saving": self._radio.saving,
            }
        )

    def serving_cell(self) -> dict[str, Any] | None:
        """Figures of the serving cell in the spelling of AT+QENG=0; None when there is none."""
        signal = self._radio.signal()
        if signal.tac is None or signal.cell_id is None:
            return None
        return {
            "earfcn": signal.earfcn,
            "pci": signal.pci,
            "cell": f"{signal.cell_id:08X}",
            "rsrp": signal.rsrp,
            "rsrq": signal.rsrq,
            "rssi": signal.rssi,
            "sinr": signal.sinr,
            "band": signal.band,
            "tac": f"{signal.tac:04X}",
            "ecl": signal.ce_level,
            "tx_power": signal.tx_power,
        }

    # ------------------------------------------------------------ operator and bands

    def operator_names(self) -> tuple[str, str, str]:
        """Long name, short name and number of the network in use, indexed by AT+COPS <format>."""
        return (*OPERATORS.get(self._network.plmn, ("", "")), self._network.plmn)

    async def scan(self) -> list[tuple[int, str, str, str]]:
        """Networks in reach as (stat, long, short, number); stat 2 is the one in use, 1 another."""
        await asyncio.sleep(self._timing.draw("scan"))
        if self._network.outage:
            return []
        return [(2 if self._radio.attached else 1, *self.operator_names())]

    async def choose_operator(self, mode: int, operator: str | None) -> bool:
        """AT+COPS=: automatic, one operator by any of its names, or none; False: that one is not in reach."""
        self._settings.set("+COPS.mode", mode)
        if mode == DEREGISTER:
            await self._radio.detach()
            return True
        if mode == MANUAL and operator not in self.operator_names():
            await self._radio.detach()
            return False
        self._switch_on()
        self._radio.start_attach()
        return True

    @property
    def bands(self) -> list[int]:
        """The bands that are searched; empty: every band there is."""
        return list(self._settings.get(self._table.bands)) if self._table.bands else []

    def choose_bands(self, bands: list[int]) -> None:
        """AT+QBAND=: search these bands only (empty: all the module has), starting at once."""
        assert self._table.bands is not None
        self._settings.set(self._table.bands, bands or self._settings.default(self._table.bands))
        if self.functionality == 1:
            self._spawn(self._search_again())

    async def _search_again(self) -> None:
        await self._radio.switch_off()
        self._switch_on()

    def _switch_on(self) -> None:
        cell = [self._network.earfcn, self._network.pci]
        in_band = not self._table.bands or self._network.band in self.bands
        in_place = self._on_channel() and (self._settings.get(LOCK) or cell) == cell
        if in_band and in_place and self._settings.get("+COPS.mode") != DEREGISTER:
            self._radio.switch_on(attach=self.autoconnect)

    def _on_channel(self) -> bool:
        """The network is on the channel that the module is held to, if there is one."""
        key = self._table.channel
        return key is None or self._settings.get(key) in (-1, self._network.earfcn)

    # ------------------------------------------------------------ bearer contexts

    def bearer_up(self) -> None:
        """The default bearer came up at the access point that was asked for, else at the network's own."""
        asked = self._settings.get(self._table.apn) if self._table.apn else None
        self.apn = asked or self._network.apn

    def contexts(self) -> dict[int, tuple[str, str]]:
        """Defined contexts: number -> type and access point name; 0 is the default bearer."""
        stored = {int(cid): (kind, apn) for cid, (kind, apn) in self._settings.get(CONTEXTS).items()}
        return dict(sorted(stored.items()))

    def define_context(self, cid: int, context: tuple[str, str] | None) -> None:
        """Define or remove one; the default bearer always stays."""
        contexts = {str(number): list(value) for number, value in self.contexts().items()}
        if context is not None:
            contexts[str(cid)] = list(context)
        elif cid != 0:
            contexts.pop(str(cid), None)
        self._settings.set(CONTEXTS, contexts)


def registration_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """The radio's figures in the spelling of +CEREG: hex digits, cause type 0 for an EMM cause."""
    tac, ci, reject = values["tac"], values["ci"], values["reject"]
    return {
        "stat": values["stat"],
        "tac": None if tac is None else f"{tac:04X}",
        "ci": None if ci is None else f"{ci:08X}",
        "ci_short": None if ci is None else f"{ci:X}",
        "act": values["act"],
        "known": tac is not None,
        "cause_type": None if reject is None else 0,
        "cause": reject,
        **granted_fields(values["saving"].granted),
        **edrx_fields(values["saving"].wish, values["saving"].granted),
    }
