"""The two platforms of China Telecom that the module vendors' guides connect to."""

from __future__ import annotations

from collections.abc import Mapping

from modemsim.platforms.base import Platform
from modemsim.platforms.style import AEP, CT_IOT


class CtIot(Platform):
    """The China Telecom IoT platform; it answers each uplink with AAAA0000 unless told otherwise."""

    style = CT_IOT


class Aep(Platform):
    """China Telecom's AEP (CTWing); it does not answer uplinks unless told to."""

    style = AEP


PLATFORMS: Mapping[str, type[Platform]] = {platform.style.name: platform for platform in (CtIot, Aep)}
"""The built-in platforms by name."""
