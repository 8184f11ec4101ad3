"""Registration, operator, cell and configuration of Quectel's LTE Cat 1 modules of the EC800E kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Choice, Ignored, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands import ts27007
from modemsim.commands.settings import SettingCommand
from modemsim.radio.emm import Emm
from modemsim.ue.access import LOCK
from modemsim.ue.module import Ue

GUIDE = "EC800E AEP guide, "
EC2X = "Quectel EC2x AT manual 2.0"
STACK = "AT objects of the vendor's newer stack (EC718)"
HOST = "host firmware for the EC800E-CN"

NEIGHBOUR = '+QENG: "neighbourcell intra","LTE",{earfcn},{pci},{rsrp},{rsrq},{rssi},{sinr}'
FIRST_TDD_BAND = 33
BANDWIDTHS = {6: 0, 15: 1, 25: 2, 50: 3, 75: 4, 100: 5}
"""Bandwidth codes of AT+QENG by resource blocks."""


class _Registration(SettingCommand):
    """Base of the registration commands: state, and place and technology with n=2."""

    n = Choice(0, 1, 2, default=0, doc="0 none, 1 state, 2 and cell")

    def read(self, ue: Ue) -> Any:
        n = ue.settings.get(f"{self.name}.n")
        place = ue.access.registration()
        shown = place if n == 2 else {"stat": place["stat"]}
        return {"tac": None, "ci_short": None, "act": None, **shown, "n": n}


class Creg(_Registration):
    """Tell the registration and choose how much of it is reported by itself."""

    name, source = "+CREG", "3GPP TS 27.007, 7.2"
    read_reply = '+CREG: {n},{stat}[,"{tac}","{ci_short}",{act}]'


class Cgreg(_Registration):
    """Tell the packet registration and choose how much of it is reported by itself."""

    name, source = "+CGREG", "3GPP TS 27.007, 10.1.20"
    read_reply = '+CGREG: {n},{stat}[,"{tac}","{ci_short}",{act}]'


class Cereg(_Registration):
    """Tell the EPS registration and choose how much of it is reported by itself."""

    name, source = "+CEREG", "3GPP TS 27.007, 10.1.22; " + STACK
    read_reply = '+CEREG: {n},{stat}[,"{tac}","{ci_short}",{act}]'


class Cops(ts27007.Cops):
    """Choose and tell the operator."""

    name, source = "+COPS", "3GPP TS 27.007, 7.3; " + STACK
    max_response = 180.0
    act = Int(7, 7, default=None, doc="access technology: 7 E-UTRAN")

    async def test(self, ue: Ue) -> str:
        listed = ""
        for stat, long, short, number in await ue.access.scan():
            listed += f'({stat},"{long}","{short}","{number}",{ue.radio.act}),'
        return f"+COPS: {listed},(0,1,2,3),(0,1,2)"

    def read(self, ue: Ue) -> Any:
        return {**super().read(ue), "act": ue.radio.act}


class Qnwinfo(Command):
    """Tell access technology, operator, band and channel."""

    name, source, provenance, test_reply = "+QNWINFO", STACK, "inferred", ""
    execute_reply = '+QNWINFO: "{duplex} LTE","{plmn}","LTE BAND {band}",{earfcn}'

    def execute(self, ue: Ue) -> Any:
        cell = _cell(ue)
        return '+QNWINFO: "No Service"' if cell is None or not ue.radio.attached else cell


class Qcsq(Command):
    """Tell access technology and signal figures."""

    name, source, provenance = "+QCSQ", STACK, "inferred"
    test_reply = '+QCSQ: "NOSERVICE","LTE"'
    execute_reply = '+QCSQ: "LTE",{rssi},{rsrp},{sinr},{rsrq}'

    def execute(self, ue: Ue) -> Any:
        return _cell(ue) or '+QCSQ: "NOSERVICE"'


class Qeng(Command):
    """Tell figures of the serving cell, or of the cells around it."""

    name, source = "+QENG", GUIDE + "6.1"
    test_reply = '+QENG: ("servingcell","neighbourcell")'
    cells = Choice("servingcell", "neighbourcell", doc="which cells")
    write_reply = (
        '+QENG: "servingcell","{state}","LTE","{duplex}",{mcc},{mnc},{cell},{pci},{earfcn},{band},{width},'
        "{width},{tac},{rsrp},{rsrq},{rssi},{sinr},{srxlev}"
    )

    def write(self, ue: Ue, cells: str) -> Any:
        cell = _cell(ue)
        if cells == "neighbourcell":
            return cell and [NEIGHBOUR.format_map(one) for one in (cell, *_neighbours(ue, cell))]
        return cell or '+QENG: "servingcell","SEARCH"'


class Qcell(Command):
    """Tell the serving cell in short."""

    name, source, provenance, test_reply = "+QCELL", "host firmware for the EC200S", "inferred", ""
    read_reply = '+QCELL: "servingcell","LTE",{mcc},{mnc},{tac},{cell},{pci},{level}'

    def read(self, ue: Ue) -> Any:
        return _cell(ue)


class Qspn(Command):
    """Tell the names of the operator."""

    name, source, provenance, test_reply = "+QSPN", STACK, "inferred", ""
    execute_reply = '+QSPN: "{long}","{short}","",0,"{number}"'

    def execute(self, ue: Ue) -> Any:
        if not ue.radio.attached:
            return None
        long, short, number = ue.access.operator_names()
        return {"long": long, "short": short, "number": number}


class Qnwlock(Command):
    """Tell and choose the one cell the module may use; counts from the next search."""

    name, source, provenance = "+QNWLOCK", "host firmware for sibling modules", "inferred"
    errors = ("bad_value",)
    test_reply = '+QNWLOCK: "common/4g",(0,1),<earfcn>,<pci>'
    item = Choice("common/4g", doc="which lock")
    count = Choice(0, 1, default=None, doc="0 no lock, 1 this cell; without it the lock is told")
    earfcn = Int(0, 262143, optional=True, doc="channel")
    pci = Int(0, 503, optional=True, doc="physical cell id")

    def write(self, ue: Ue, item: str, count: int | None, earfcn: int | None, pci: int | None) -> str | None:
        if count is None:
            lock = ue.settings.get(LOCK)
            return f'+QNWLOCK: "{item}",' + (f"1,{lock[0]},{lock[1]}" if lock else "0")
        if count and (earfcn is None or pci is None):
            raise Refusal("bad_value")
        ue.settings.set(LOCK, [earfcn, pci] if count else [])
        return None


class Ecfreq(Command):
    """Choose the one cell the module may use; counts from the next search."""

    name, source, provenance = "+ECFREQ", HOST, "log"
    testable = False
    errors = ("bad_value", "not_allowed")
    mode = Choice(0, 2, doc="0 no lock, 2 this cell")
    earfcn = Int(0, 262143, optional=True, doc="channel")
    pci = Int(0, 503, optional=True, doc="physical cell id")

    def write(self, ue: Ue, mode: int, earfcn: int | None, pci: int | None) -> None:
        if ue.access.functionality != 0:
            raise Refusal("not_allowed")
        if mode and (earfcn is None or pci is None):
            raise Refusal("bad_value")
        ue.settings.set(LOCK, [earfcn, pci] if mode else [])


class Eccfg(Command):
    """Choose the lowest receive level of a cell; it moves the srxlev of AT+QENG."""

    name, source, provenance = "+ECCFG", HOST, "log"
    testable = False
    item = Choice("qrxlevmin", doc="name of the item")
    value = Int(-156, -44, doc="dBm")

    def write(self, ue: Ue, item: str, value: int) -> None:
        ue.settings.set("+ECCFG.qrxlevmin", value)


class Qblackcellcfgex(Command):
    """Configure how cells that fail are avoided; taken, the simulated network has one cell."""

    name, source, provenance = "+QBLACKCELLCFGEX", HOST, "log"
    testable = False
    enable = Choice(0, 1, doc="0 off, 1 on")
    p2 = Ignored(doc="not documented")
    p3 = Ignored(doc="not documented")
    p4 = Ignored(doc="not documented")
    p5 = Ignored(doc="not documented")
    p6 = Ignored(doc="not documented")
    p7 = Ignored(doc="not documented")
    p8 = Ignored(doc="not documented")

    def write(self, ue: Ue, enable: int) -> None:
        ue.settings.set("+QBLACKCELLCFGEX.enable", enable)


class Qindcfg(Command):
    """Choose which +QIND lines are reported, for now or for good."""

    name, source, provenance = "+QINDCFG", STACK, "inferred"
    ITEMS = ("all", "csq", "act", "smsfull", "smsincoming", "ring", "psm")
    test_reply = '+QINDCFG: ("all","csq","act","smsfull","smsincoming","ring","psm"),(0,1),(0,1)'
    write_reply = '+QINDCFG: "{item}",{enable}'
    item = Choice(*ITEMS, doc="which lines")
    enable = Choice(0, 1, default=None, doc="0 off, 1 on; without it the setting is told")
    save = Choice(0, 1, default=0, doc="1: kept over a restart")

    def write(self, ue: Ue, item: str, enable: int | None, save: int) -> Any:
        if enable is None:
            return {"item": item, "enable": ue.settings.get(f"+QINDCFG.{item}")}
        for each in self.ITEMS if item == "all" else (item,):
            ue.settings.set(f"+QINDCFG.{each}", enable)
        if save:
            ue.settings.store([f"+QINDCFG.{each}" for each in self.ITEMS])
        return None


Values = tuple[int, ...] | range | tuple[str, ...]
"""What one value of a configuration item may be."""


class Qcfg(Command):
    """Tell and set extended configuration items by name."""

    name, source = "+QCFG", GUIDE + "6.1; " + STACK
    errors = ("unknown_item", "bad_value")
    item = Text(32, doc="name of the item")
    first = Raw(32, default=None, doc="new value; without it the item is told")
    second = Raw(32, default=None, doc="second value of items with several")
    third = Raw(32, default=None, doc="third value of items with several")

    RING: tuple[Values, ...] = (("off", "pulse", "auto"), range(1, 2001), range(1, 6))
    OTHER: tuple[Values, ...] = (("off", "pulse"), range(1, 2001), range(1, 6))
    ITEMS: Mapping[str, tuple[Values, ...]] = {
        "nwscanmode": (range(4),),
        "servicedomain": ((1, 2), (0, 1)),
        "roamservice": ((1, 2, 255),),
        "urc/ri/ring": RING,
        "urc/ri/smsincoming": OTHER,
        "urc/ri/other": OTHER,
        "risignaltype": (("respective", "physical"),),
        "urc/cache": ((0, 1),),
        "urc/port": (("usbat", "usbmodem", "uart1"),),
        "URC/PSM": ((0, 1),),
        "ims": (range(3),),
        "usbnet": ((1, 3),),
        "band": (),
    }

    def test(self, ue: Ue) -> list[str]:
        return [f'+QCFG: "{item}"' + "".join(f",{_range(one)}" for one in values)
                for item, values in self.ITEMS.items()]  # fmt: skip

    def write(
        self, ue: Ue, item: str, first: str | None, second: str | None, third: str | None
    ) -> str | None:
        known = {name.lower(): name for name in self.ITEMS}.get(item.lower())
        if known is None:
            raise Refusal("unknown_item")
        given = [value for value in (first, second, third) if value is not None]
        if not given:
            return f'+QCFG: "{known}",{self._told(ue, known)}'
        if known == "band":
            ue.access.choose_bands(_bands(given))
            return None
        values = self.ITEMS[known]
        checked = [_checked(text, allowed) for text, allowed in zip(given, values, strict=False)]
        kept = self._kept(ue, known)
        kept[: len(checked)] = checked
        ue.settings.set(f"+QCFG.{known}", kept if len(kept) > 1 else kept[0])
        return None

    def _kept(self, ue: Ue, item: str) -> list[int | str]:
        value = ue.settings.get(f"+QCFG.{item}")
        return list(value) if isinstance(value, list) else [value]

    def _told(self, ue: Ue, item: str) -> str:
        if item == "band":
            mask = sum(1 << band - 1 for band in ue.access.bands)
            return f"0x0,0x{mask:x},0x0"
        return ",".join(f'"{one}"' if isinstance(one, str) else str(one) for one in self._kept(ue, item))


class Qurccfg(Command):
    """Tell and choose the interface that unsolicited lines go to."""

    name, source = "+QURCCFG", "EG800K live test; " + STACK
    test_reply = '+QURCCFG: "urcport",("usbat","usbmodem","uart1")'
    write_reply = '+QURCCFG: "urcport","{port}"'
    item = Choice("urcport", doc="name of the item")
    port = Choice("usbat", "usbmodem", "uart1", default=None, doc="interface; without it it is told")

    def write(self, ue: Ue, item: str, port: str | None) -> Any:
        if port is None:
            return {"port": ue.settings.get("+QCFG.urc/port")}
        ue.settings.set("+QCFG.urc/port", port)
        return None


def _neighbours(ue: Ue, serving: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The other cell on the same channel, as one line of AT+QENG="neighbourcell"."""
    cell = ue.network.neighbour
    if cell is None or cell.earfcn != serving["earfcn"]:
        return []
    width = serving["rssi"] - serving["rsrp"] + serving["rsrq"]
    return [{**cell.values(), "rssi": cell.rsrp - cell.rsrq + width}]


def _cell(ue: Ue) -> dict[str, Any] | None:
    """Figures of the serving cell as these commands name them; None without one."""
    signal = ue.radio.signal()
    if signal.rsrp is None or signal.band is None or signal.cell_id is None or signal.tac is None:
        return None
    plmn = ue.network.plmn
    duplex = "TDD" if FIRST_TDD_BAND <= signal.band <= 53 else "FDD"
    limited = ue.radio.emm in (Emm.DENIED, Emm.LIMITED)
    return {
        "state": "LIMSRV" if limited else "CONNECT" if ue.radio.connected else "NOCONN",
        "duplex": duplex,
        "plmn": plmn,
        "mcc": plmn[:3],
        "mnc": plmn[3:],
        "cell": f"{signal.cell_id:X}",
        "tac": f"{signal.tac:X}",
        "pci": signal.pci,
        "earfcn": signal.earfcn,
        "band": signal.band,
        "width": BANDWIDTHS.get(ue.profile.radio.resource_blocks, 5),
        "rsrp": signal.rsrp,
        "rsrq": signal.rsrq,
        "rssi": signal.rssi,
        "sinr": signal.sinr,
        "srxlev": signal.rsrp - ue.settings.get("+ECCFG.qrxlevmin"),
        "level": signal.rsrp_index,
    }


def _range(values: Values) -> str:
    if isinstance(values, range):
        return f"({values[0]}-{values[-1]})"
    return "(" + ",".join(f'"{one}"' if isinstance(one, str) else str(one) for one in values) + ")"


def _checked(text: str, allowed: Values) -> int | str:
    """One value of an item; raises Refusal for one that the item does not take."""
    for one in allowed:
        if text.lower() == str(one):
            return one
    raise Refusal("bad_value")


def _bands(given: Sequence[str]) -> list[int]:
    """The bands of a mask in hex, the second value of the item."""
    try:
        mask = int(given[1] if len(given) > 1 else given[0], 16)
    except ValueError:
        raise Refusal("bad_value") from None
    return [at + 1 for at in range(mask.bit_length()) if mask >> at & 1]
