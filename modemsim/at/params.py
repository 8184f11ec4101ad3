"""Every kind of parameter under one name: `from modemsim.at.params import Choice, Hex, Int`."""

from __future__ import annotations

from modemsim.at.number_params import Choice, Flag, Int
from modemsim.at.param import REQUIRED, Param, Spec, Token
from modemsim.at.text_params import Address, Bits, Either, Hex, Ignored, Raw, Text, quote

__all__ = [
    "REQUIRED",
    "Address",
    "Bits",
    "Choice",
    "Either",
    "Flag",
    "Hex",
    "Ignored",
    "Int",
    "Param",
    "Raw",
    "Spec",
    "Text",
    "Token",
    "quote",
]
