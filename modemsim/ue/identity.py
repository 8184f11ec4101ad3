"""Who the module says it is; the IMEI may be given for a run, the rest is profile data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modemsim.profile import Identity as IdentityTable


@dataclass(frozen=True)
class Identity:
    """Manufacturer, model, firmware revision and numbers of one module."""

    manufacturer: str
    model: str
    revision: str
    imei: str
    imeisv: str
    svn: str
    serial_number: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, table: IdentityTable, imei: str | None = None) -> Identity:
        """The profile's identity, with another IMEI (and the IMEISV that belongs to it) if given."""
        return cls(
            manufacturer=table.manufacturer,
            model=table.model,
            revision=table.revision,
            imei=imei or table.imei,
            imeisv=f"{imei[:14]}{table.svn}" if imei else table.imeisv,
            svn=table.svn,
            serial_number=table.serial_number,
            lines=table.info,
        )

    def values(self) -> dict[str, Any]:
        """The fields that reply templates name."""
        return {"manufacturer": self.manufacturer, "model": self.model, "revision": self.revision}

    def info(self) -> list[str]:
        """The lines of ATI."""
        return [line.format_map(self.values()) for line in self.lines]
