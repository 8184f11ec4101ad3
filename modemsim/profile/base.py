"""What every table of a profile has in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Provenance = Literal["manual", "log", "inferred"]


class Table(BaseModel):
    """A table of a profile: frozen, closed, with the source it was taken from."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    source: str = ""
    provenance: Provenance | None = None
