"""MQTT on late firmware of the BC35 family: the QMT commands of Quectel's NB-IoT modules with fewer items."""

from __future__ import annotations

from collections.abc import Mapping

from modemsim.commands import mqtt_config_quectel
from modemsim.commands.mqtt_config_quectel import NOTE, Item

KEPT = ("will", "timeout", "session", "keepalive", "version", "dataformat")


class Qmtcfg(mqtt_config_quectel.Qmtcfg):
    """Tell and set how a client works, by the name of the item; connection items only while it is closed."""

    name, source, provenance = "+QMTCFG", f"a host program for the BC28; {NOTE}, 3.3.1", "inferred"
    ITEMS: Mapping[str, Item] = {name: mqtt_config_quectel.Qmtcfg.ITEMS[name] for name in KEPT}
