"""Radio figures as commands show them: CSQ, CESQ and serving-cell values of one instant."""

from __future__ import annotations

import math
from dataclasses import dataclass

from modemsim.radio.network import Network

NOT_KNOWN = 99
NOT_KNOWN_EXTENDED = 255


@dataclass(frozen=True, slots=True)
class Signal:
    """What the module measures; index fields are 99 or 255 and the others None while it has no cell."""

    rssi_index: int = NOT_KNOWN
    ber: int = NOT_KNOWN
    rsrp_index: int = NOT_KNOWN_EXTENDED
    rsrq_index: int = NOT_KNOWN_EXTENDED
    rsrp: int | None = None  # dBm
    rsrq: int | None = None  # dB
    rssi: int | None = None  # dBm
    sinr: int | None = None  # dB
    tx_power: int | None = None  # dBm
    ce_level: int | None = None
    earfcn: int | None = None
    pci: int | None = None
    band: int | None = None
    tac: int | None = None
    cell_id: int | None = None


def rssi_index(rssi: float) -> int:
    """<rssi> of AT+CSQ, 0 (-113 dBm or less) to 31 (-51 dBm or more) (3GPP TS 27.007 8.5)."""
    return max(0, min(31, math.floor((rssi + 113) / 2)))


def rsrp_index(rsrp: float) -> int:
    """<rsrp> of AT+CESQ, 0 (below -140 dBm) to 97 (-44 dBm or more) (3GPP TS 27.007 8.69)."""
    return max(0, min(97, math.floor(rsrp) + 141))


def rsrq_index(rsrq: float) -> int:
    """<rsrq> of AT+CESQ, 0 (below -19.5 dB) to 34 (-3 dB or more) (3GPP TS 27.007 8.69)."""
    return max(0, min(34, math.floor(rsrq * 2) + 40))


def measured(cell: Network, width: int) -> Signal:
    """The figures a module measures of the cell it is on; `width` in dB is that of its resource blocks."""
    rssi = cell.rsrp - cell.rsrq + width
    return Signal(
        rssi_index=rssi_index(rssi),
        ber=0,
        rsrp_index=rsrp_index(cell.rsrp),
        rsrq_index=rsrq_index(cell.rsrq),
        rsrp=cell.rsrp,
        rsrq=cell.rsrq,
        rssi=rssi,
        sinr=cell.sinr,
        tx_power=cell.tx_power,
        ce_level=cell.coverage_level,
        earfcn=cell.earfcn,
        pci=cell.pci,
        band=cell.band,
        tac=cell.tac,
        cell_id=cell.cell_id,
    )
