"""Bearer contexts of the Neul family (Hi2115 modules): definitions, activation, what the network gave."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Choice, Ignored, Int, Text
from modemsim.at.result import Refusal
from modemsim.commands import ts27007
from modemsim.commands.neul import LIST, LOGS
from modemsim.commands.settings import SettingCommand
from modemsim.ue.module import Ue

TS27007 = "3GPP TS 27.007, "


def _cid(**said: Any) -> Int:
    """The number of a context; one that no context can have is refused with a number of its own."""
    return Int(0, 10, low="bad_context", high="bad_context", doc="context", **said)


def _active(ue: Ue, cid: int) -> bool:
    """Whether a context stands; the simulated network gives one PDN connection, that of the attach."""
    return cid == 0 and ue.radio.ip is not None


class Cgdcont(Command):
    """Define a bearer context; context 0 is the default bearer of the attach."""

    name, source = "+CGDCONT", LOGS
    read_reply = '+CGDCONT: {cid},"{type}",["{apn}"],,0,0,,,,,0'
    errors = ("bad_value", "active_context")
    cid = _cid()
    pdp_type = Choice(
        "IP", "IPV6", "IPV4V6", "NONIP", default=None, doc="type of addresses; without it it is removed"
    )
    apn = Text(100, default="", doc="access point name")
    address = Ignored(doc="given by the network")
    d_comp = Ignored(doc="data compression")
    h_comp = Ignored(doc="header compression")

    def read(self, ue: Ue) -> Any:
        return [
            {"cid": cid, "type": kind, "apn": apn or None, "name": apn}
            for cid, (kind, apn) in ue.access.contexts().items()
        ]

    def write(self, ue: Ue, cid: int, pdp_type: str | None, apn: str) -> None:
        if pdp_type is None and _active(ue, cid):
            raise Refusal("active_context")
        ue.access.define_context(cid, None if pdp_type is None else (pdp_type, apn))


class Cgcontrdp(Command):
    """Tell what the network gave the default bearer: the access point in use."""

    name, source, test_reply = "+CGCONTRDP", LOGS, "+CGCONTRDP: (0)"
    execute_reply = '+CGCONTRDP: 0,,"{apn}"'

    def execute(self, ue: Ue) -> Any:
        if ue.radio.ip is None:
            return None
        plmn = ue.network.plmn
        return {"apn": f"{ue.network.apn}.MNC{plmn[3:]:0>3}.MCC{plmn[:3]}.GPRS".upper()}


class Cgauth(Command):
    """Keep user name and password of a bearer; the simulated network asks for none."""

    name, source = "+CGAUTH", LIST
    read_reply = '+CGAUTH: {cid},{auth_prot},"{userid}"'
    cid = _cid()
    auth_prot = Choice(0, 1, 2, default=0, doc="0 none, 1 PAP, 2 CHAP")
    userid = Text(20, default="", doc="user name")
    password = Text(20, default="", doc="password")

    def read(self, ue: Ue) -> Any:
        kept = ue.settings.get("+CGAUTH.entries")
        return [{"cid": cid, "auth_prot": prot, "userid": user} for cid, (prot, user, _) in kept.items()]

    def write(self, ue: Ue, cid: int, auth_prot: int, userid: str, password: str) -> None:
        kept = {key: value for key, value in ue.settings.get("+CGAUTH.entries").items() if key != str(cid)}
        if auth_prot:
            kept[str(cid)] = [auth_prot, userid, password]
        ue.settings.set("+CGAUTH.entries", kept)


class Cgapnrc(Command):
    """Tell the rate control of each active bearer, or of one; the simulated network applies none."""

    name, source, test_reply = "+CGAPNRC", LIST + "; " + TS27007 + "10.1.46", "+CGAPNRC: (0)"
    errors = ("unknown_context", "no_bearer")
    execute_reply = write_reply = "+CGAPNRC: {cid}"
    cid = _cid()

    def execute(self, ue: Ue) -> Any:
        return {"cid": 0} if _active(ue, 0) else None

    def write(self, ue: Ue, cid: int) -> Any:
        if cid not in ue.access.contexts():
            raise Refusal("unknown_context")
        if not _active(ue, cid):
            raise Refusal("no_bearer")
        return {"cid": cid}


class Cgact(ts27007.Cgact):
    """Activate or deactivate a bearer; the last one cannot be deactivated."""

    name, source = "+CGACT", TS27007 + "10.1.10"
    cid = _cid()


class Cgpaddr(ts27007.Cgpaddr):
    """Tell the address of each bearer, or of one."""

    name, source = "+CGPADDR", TS27007 + "10.1.14"
    cid = _cid()


class Cipca(SettingCommand):
    """Choose whether the module attaches with a PDN connection; kept, it always does."""

    name, source = "+CIPCA", LIST + "; " + TS27007 + "10.1.44"
    n = Choice(3, doc="3: no change of the initial activation")
    attach = Choice(0, 1, default=0, doc="0 with a PDN connection, 1 without")
