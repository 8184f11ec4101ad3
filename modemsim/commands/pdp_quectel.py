"""Packet data contexts of Quectel's LTE modules: definition, activation, addresses, DNS servers, errors."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Address, Choice, Ignored, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import needs
from modemsim.ue.module import Ue
from modemsim.ue.pdp import DEFAULT, KINDS, SERVERS, Context

GUIDE = "EC800E AEP guide, "
EC2X = "Quectel EC2x AT manual 2.0"
STACK = "AT objects of the vendor's newer stack (EC718)"

_TYPES = {name: kind for kind, name in KINDS.items()}


class Cgdcont(Command):
    """Define a packet data context; context 1 is the one of the attach."""

    name, source = "+CGDCONT", "3GPP TS 27.007, 10.1.1"
    max_response = 3.0
    test_reply = '+CGDCONT: (1-15),"IP",,,(0-2),(0-4)'
    read_reply = '+CGDCONT: {cid},"{type}","{apn}","{address}",0,0,0,0'
    cid = Int(1, 15, doc="context")
    pdp_type = Choice("IP", "IPV6", "IPV4V6", default=None, doc="type; without it the context is removed")
    apn = Text(99, default="", doc="access point name")
    address = Ignored(doc="given by the network")
    d_comp = Ignored(doc="data compression")
    h_comp = Ignored(doc="header compression")

    def read(self, ue: Ue) -> Any:
        return [
            {"cid": cid, "type": KINDS[one.kind], "apn": one.apn, "address": ue.pdp.address(cid) or ""}
            for cid, one in ue.pdp.definitions().items()
        ]

    def write(self, ue: Ue, cid: int, pdp_type: str | None, apn: str) -> None:
        ue.pdp.define(cid, None if pdp_type is None else Context(_TYPES[pdp_type], apn))


class Cgact(Command):
    """Activate or deactivate a context; the one of the attach stays."""

    name, source = "+CGACT", EC2X
    max_response = 150.0
    needs, errors = (needs.attached,), ("no_network", "unknown_context", "last_bearer", "not_allowed")
    state = Choice(0, 1, doc="0 deactivate, 1 activate")
    cid = Int(1, 15, doc="context")
    test_reply = "+CGACT: (0,1)"
    read_reply = "+CGACT: {cid},{state}"

    def read(self, ue: Ue) -> Any:
        up = ue.radio.ip is not None
        return [{"cid": cid, "state": int(up and cid == DEFAULT)} for cid in ue.pdp.definitions()]

    def write(self, ue: Ue, state: int, cid: int) -> None:
        if cid not in ue.pdp.definitions():
            raise Refusal("unknown_context")
        if cid == DEFAULT and not state:
            raise Refusal("last_bearer")
        if cid != DEFAULT and state:
            raise Refusal("not_allowed")


class Cgpaddr(Command):
    """Tell the address of each context that has one."""

    name, source = "+CGPADDR", GUIDE + "6.1"
    test_reply = "+CGPADDR: (1)"
    execute_reply = write_reply = '+CGPADDR: {cid}[,"{address}"]'
    cid = Int(1, 15, doc="context")

    def execute(self, ue: Ue) -> Any:
        return [{"cid": DEFAULT, "address": ue.radio.ip}]

    def write(self, ue: Ue, cid: int) -> Any:
        return {"cid": cid, "address": ue.radio.ip if cid == DEFAULT else None}


class _Pdp(Command):
    """Base of a command about contexts: the module remembers why it was refused."""

    group = "pdp"

    def refused(self, ue: Ue, situation: str) -> None:
        """Keep the reason for AT+QIGETERROR; (de)activation itself has told its own."""
        ue.sockets.failed(situation)


class Qicsgp(_Pdp):
    """Define a context with its authentication; told when only its number is given."""

    name, source = "+QICSGP", EC2X + "; " + STACK
    test_reply = "+QICSGP: (1-15),(1-3),<APN>,<username>,<password>,(0-3)"
    write_reply = '+QICSGP: {kind},"{apn}","{user}","{password}",{authentication}'
    cid = Int(1, 15, doc="context")
    kind = Choice(1, 2, 3, default=None, doc="1 IPv4, 2 IPv6, 3 both; without it the context is told")
    apn = Text(99, default="", doc="access point name")
    user = Text(64, default="", doc="user name")
    password = Text(64, default="", doc="password")
    authentication = Choice(0, 1, 2, 3, default=0, doc="0 none, 1 PAP, 2 CHAP, 3 either")

    def write(self, ue: Ue, cid: int, kind: int | None, **others: Any) -> Any:
        if kind is None:
            return vars(ue.pdp.definitions().get(cid, Context()))
        ue.pdp.define(cid, Context(kind, **others))
        return None


class Qiact(_Pdp):
    """Activate a context for the module's own protocols; a context that is active stays so."""

    name, source = "+QIACT", EC2X + "; EC800M log"
    max_response = 150.0
    errors = ("pdp_failed",)
    test_reply = "+QIACT: (1-15)"
    read_reply = '+QIACT: {cid},1,1,"{address}"'
    cid = Int(1, 15, doc="context")

    def read(self, ue: Ue) -> Any:
        address = ue.pdp.address(DEFAULT)
        return address and {"cid": DEFAULT, "address": address}

    async def write(self, ue: Ue, cid: int) -> None:
        if not await ue.pdp.activate(cid):
            raise Refusal("pdp_failed")


class Qideact(_Pdp):
    """Deactivate a context; what uses it loses its connections."""

    name, source = "+QIDEACT", EC2X
    max_response = 40.0
    errors = ("pdp_failed",)
    test_reply = "+QIDEACT: (1-15)"
    cid = Int(1, 15, doc="context")

    async def write(self, ue: Ue, cid: int) -> None:
        if not await ue.pdp.deactivate(cid):
            raise Refusal("pdp_failed")


class Qiactex(_Pdp):
    """Activate a context; the result follows the OK."""

    name, source, provenance = "+QIACTEX", STACK, "inferred"
    test_reply = "+QIACTEX: (1-15)"
    cid = Int(1, 15, doc="context")

    def write(self, ue: Ue, cid: int) -> None:
        ue.spawn(self._activate(ue, cid))

    async def _activate(self, ue: Ue, cid: int) -> None:
        done = await ue.pdp.activate(cid)
        error, address = (0, ue.pdp.address(cid)) if done else (ue.pdp.error, None)
        ue.publish("pdp.activated", cid=cid, error=error, address=address)


class Qideactex(_Pdp):
    """Deactivate a context; the result follows the OK."""

    name, source, provenance = "+QIDEACTEX", STACK, "inferred"
    test_reply = "+QIDEACTEX: (1-15)"
    cid = Int(1, 15, doc="context")

    def write(self, ue: Ue, cid: int) -> None:
        ue.spawn(self._deactivate(ue, cid))

    async def _deactivate(self, ue: Ue, cid: int) -> None:
        error = 0 if await ue.pdp.deactivate(cid) else ue.pdp.error
        ue.publish("pdp.deactivated", cid=cid, error=error)


class Qidnscfg(_Pdp):
    """Tell and set the DNS servers of a context."""

    name, source = "+QIDNSCFG", GUIDE + "4.2.3"
    test_reply = "+QIDNSCFG: (1-15),<pridnsaddr>,<secdnsaddr>"
    write_reply = '+QIDNSCFG: {cid},"{first}"[,"{second}"]'
    cid = Int(1, 15, doc="context")
    first = Address(names=False, default=None, doc="first server; without it they are told")
    second = Address(names=False, default=None, doc="second server")

    def write(self, ue: Ue, cid: int, first: str | None, second: str | None) -> Any:
        if first is None:
            known = [*ue.pdp.servers(), None]
            return {"cid": cid, "first": known[0], "second": known[1]}
        ue.settings.set(SERVERS, [first] if second is None else [first, second])
        return None


class Qigeterror(Command):
    """Tell why the last command about contexts failed."""

    name, source, group, test_reply = "+QIGETERROR", STACK, "pdp", ""
    execute_reply = "+QIGETERROR: {code},{text}"

    def execute(self, ue: Ue) -> Any:
        return {"code": ue.pdp.error, "text": ue.profile.words["qi_errors"][str(ue.pdp.error)]}
