"""Transcripts: the format, the player, the simulator and real ports to play them against."""

from modemsim.testing import module_actions as module_actions
from modemsim.testing import platform_actions as platform_actions
from modemsim.testing import upgrade_actions as upgrade_actions
from modemsim.testing.report import Result
from modemsim.testing.simulated import play
from modemsim.testing.transcript import Transcript, TranscriptError, load

__all__ = ["Result", "Transcript", "TranscriptError", "load", "play"]
