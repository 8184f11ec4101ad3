"""AT+NUESTATS of the Neul family: radio figures in all its layouts."""

from __future__ import annotations

from typing import Any

from modemsim.at.command import Command
from modemsim.at.params import Choice
from modemsim.at.template import render
from modemsim.commands.neul import LOGS
from modemsim.ue.module import Ue

NOT_MEASURED = -32768
NO_CELL = 4294967295
OPERATOR_MODE = 4
"""What real modules print on a commercial network."""
_TX_BITS_PER_MS = (15.6, 3.9, 0.5)
"""Uplink rate by coverage level; inferred from single-tone NB-IoT transmission (3GPP TS 36.211, 10.1)."""

RADIO = (
    "Signal power:{rsrp}",
    "Total power:{rssi}",
    "TX power:{tx_power}",
    "TX time:{tx_time}",
    "RX time:{rx_time}",
    "Cell ID:{cell_id}",
    "ECL:{ecl}",
    "SNR:{snr}",
    "EARFCN:{earfcn}",
    "PCI:{pci}",
    "RSRQ:{rsrq}",
    "OPERATOR MODE:{operator_mode}",
)


class Nuestats(Command):
    """Tell radio figures: powers and ratios in tenths of dBm and dB, times in milliseconds."""

    name, source = "+NUESTATS", LOGS
    max_response = 5.0
    execute_reply = RADIO
    test_reply = "NUESTATS:(RADIO,CELL,BLER,THP,APPSMEM,ALL)"
    kind = Choice("RADIO", "CELL", "BLER", "THP", "APPSMEM", "ALL", quoted=False, doc="which figures")

    def execute(self, ue: Ue) -> Any:
        return figures(ue)

    def write(self, ue: Ue, kind: str) -> list[str]:
        parts = {
            "RADIO": [render(line, figures(ue)) for line in RADIO],
            "CELL": _cells(ue),
            "BLER": _block_errors(ue),
            "THP": _throughput(ue),
            "APPSMEM": [f"{name}:{value}" for name, value in ue.profile.words["appsmem"].items()],
        }
        return [
            f"NUESTATS:{part},{line}"
            for part, lines in parts.items()
            if kind in (part, "ALL")
            for line in lines
        ]


def figures(ue: Ue) -> dict[str, int]:
    """The figures of the plain layout."""
    signal = ue.radio.signal()
    level = ue.network.coverage_level
    return {
        "rsrp": _tenths(signal.rsrp),
        "rssi": _tenths(signal.rssi),
        "tx_power": _tenths(signal.tx_power),
        "tx_time": round(ue.bearer.sent_bytes * 8 / _TX_BITS_PER_MS[level]),
        "rx_time": ue.air_time.milliseconds,
        "cell_id": _or(signal.cell_id, NO_CELL),
        "ecl": _or(signal.ce_level, 255),
        "snr": _tenths(signal.sinr),
        "earfcn": _or(signal.earfcn, NO_CELL),
        "pci": _or(signal.pci, 65535),
        "rsrq": _tenths(signal.rsrq),
        "operator_mode": 0 if signal.rsrp is None else OPERATOR_MODE,
        "band": _or(signal.band, 0),
    }


def _tenths(value: int | None) -> int:
    return NOT_MEASURED if value is None else value * 10


def _or(value: int | None, unknown: int) -> int:
    return unknown if value is None else value


def _cells(ue: Ue) -> list[str]:
    """The serving cell, then the neighbour: channel, cell, primary, powers."""
    signal, neighbour = ue.radio.signal(), ue.network.neighbour
    if signal.rsrp is None:
        return []
    lines = [_line(signal.earfcn, signal.pci, 1, signal.rsrp, signal.rsrq, signal.rssi, signal.sinr)]
    if neighbour is not None:
        power = neighbour.rsrp, neighbour.rsrq, neighbour.rsrp - neighbour.rsrq, neighbour.sinr
        lines.append(_line(neighbour.earfcn, neighbour.pci, 0, *power))
    return lines


def _line(earfcn: int | None, pci: int | None, primary: int, *powers: int | None) -> str:
    return ",".join(map(str, (earfcn, pci, primary, *map(_tenths, powers))))


def _block_errors(ue: Ue) -> list[str]:
    share = round(ue.network.loss * 100)
    return [
        f"RLC UL BLER:{share}",
        f"RLC DL BLER:{share}",
        f"MAC UL BLER:{share}",
        f"MAC DL BLER:{share}",
        f"Total bytes transmit:{ue.bearer.sent_bytes}",
        f"Total bytes receive:{ue.bearer.received_bytes}",
    ]


def _throughput(ue: Ue) -> list[str]:
    """Mean bits a second while connected."""
    seconds = max(ue.air_time.milliseconds / 1000, 1.0)
    up, down = (round(8 * size / seconds) for size in (ue.bearer.sent_bytes, ue.bearer.received_bytes))
    return [f"RLC UL:{up}", f"RLC DL:{down}", f"MAC UL:{up}", f"MAC DL:{down}"]
