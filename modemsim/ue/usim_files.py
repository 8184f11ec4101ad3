"""The few files of a USIM that hosts read through AT+CRSM and AT+CSIM (ETSI TS 102 221, 3GPP TS 31.102)."""

from __future__ import annotations

ICCID, IMSI, ADMINISTRATIVE = 0x2FE2, 0x6F07, 0x6FAD

OK, NOT_FOUND, WRONG_LENGTH, UNKNOWN_INSTRUCTION, NO_FILE = 0x9000, 0x6A82, 0x6700, 0x6D00, 0x6986
"""Status words (ETSI TS 102 221, 10.2)."""

SELECT, STATUS, READ_BINARY = 0xA4, 0xF2, 0xB0


def _swapped(digits: str) -> bytes:
    """Decimal digits two a byte, the first in the low half; an odd one is filled up with F."""
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2)))


def content(file: int, imsi: str, iccid: str) -> bytes | None:
    """The content of a transparent file; None when the card has no such file."""
    if file == ICCID:
        return _swapped(iccid)
    if file == IMSI:
        parity = 9 if len(imsi) % 2 else 1
        return bytes([len(imsi) // 2 + 1]) + _swapped(f"{parity}{imsi}")
    return bytes([0, 0, 0, 2]) if file == ADMINISTRATIVE else None


class Card:
    """The card behind AT+CSIM: remembers the selected file and answers APDUs."""

    def __init__(self, imsi: str, iccid: str) -> None:
        self._imsi, self._iccid = imsi, iccid
        self._selected: bytes | None = None

    def exchange(self, apdu: bytes) -> bytes:
        """The answer to a command APDU, status word included."""
        data, status = self._answer(apdu)
        return data + status.to_bytes(2, "big")

    def _answer(self, apdu: bytes) -> tuple[bytes, int]:
        if len(apdu) < 4:
            return b"", WRONG_LENGTH
        if apdu[1] == SELECT:
            file = int.from_bytes(apdu[5:7], "big") if len(apdu) >= 7 else 0x3F00
            self._selected = content(file, self._imsi, self._iccid)
            found = self._selected is not None or file in (0x3F00, 0x7FFF, 0x7F20)
            return b"", OK if found else NOT_FOUND
        if apdu[1] == STATUS:
            return b"", OK
        if apdu[1] != READ_BINARY:
            return b"", UNKNOWN_INSTRUCTION
        if self._selected is None:
            return b"", NO_FILE
        start = apdu[2] << 8 | apdu[3]
        length = apdu[4] if len(apdu) > 4 and apdu[4] else len(self._selected) - start
        read = self._selected[start : start + length]
        return (read, OK) if len(read) == length else (b"", WRONG_LENGTH)
