"""MQTT 3.1 and 3.1.1 as bytes: packets and nothing else; module and platform each do their side with it.

The kept client libraries do not fit here: they choose packet identifiers themselves, while a host gives them
in its commands and waits for them in the answers; they count time on the wall clock; and they open their own
sockets, while the module's traffic crosses the simulated air.
"""

from modemsim.mqtt.codec import OCTETS, Decoder, MqttError, encode
from modemsim.mqtt.packets import (
    Ack,
    Bare,
    ConnAck,
    Connect,
    Kind,
    Packet,
    Publish,
    SubAck,
    Subscribe,
    Unsubscribe,
    Will,
)

__all__ = [
    "OCTETS",
    "Ack",
    "Bare",
    "ConnAck",
    "Connect",
    "Decoder",
    "Kind",
    "MqttError",
    "Packet",
    "Publish",
    "SubAck",
    "Subscribe",
    "Unsubscribe",
    "Will",
    "encode",
]
