"""Misbehaviour on demand: one table of named faults for control API, `ctl`, transcripts and scenarios."""

from modemsim.faults import line, module, platform
from modemsim.faults.table import FAULTS, Fault, FaultError, FaultKind, Faults, Target

__all__ = ["FAULTS", "Fault", "FaultError", "FaultKind", "Faults", "Target", "line", "module", "platform"]
