"""What the line about received data can show."""

from __future__ import annotations

from typing import Any

from modemsim.at.dialect import to_text
from modemsim.net import Address


def received(data: bytes, sender: Address, *, with_length: bool, with_address: bool) -> dict[str, Any]:
    """Every field a profile's line may name; None where the host does not want length or sender."""
    host, port = sender
    return {
        "length": len(data),
        "digits": 2 * len(data),
        "host": host,
        "port": port,
        "data": data,
        "text": to_text(data),
        "hex": data.hex(),
        "shown_length": len(data) if with_length else None,
        "shown_host": host if with_address else None,
        "shown_port": port if with_address else None,
    }
