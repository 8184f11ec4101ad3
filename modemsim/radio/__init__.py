"""The simulated access network and one module's place in it: coverage, EMM, RRC and the PDN connection."""

from modemsim.radio.delays import DELAYS
from modemsim.radio.emm import Emm
from modemsim.radio.network import Network, Subscriber
from modemsim.radio.psm import Psm, Saving
from modemsim.radio.radio import Radio
from modemsim.radio.rrc import RadioDown, Rrc
from modemsim.radio.signal import Signal

__all__ = ["DELAYS", "Emm", "Network", "Psm", "Radio", "RadioDown", "Rrc", "Saving", "Signal", "Subscriber"]
