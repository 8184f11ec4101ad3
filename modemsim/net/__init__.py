"""The module's IP: routes, the bearer that carries datagrams over the air, and its UDP sockets."""

from modemsim.net.bearer import DELAYS, Bearer, UdpSocket
from modemsim.net.routes import KNOWN, Address, Known, Routes, parse_route

__all__ = ["DELAYS", "KNOWN", "Address", "Bearer", "Known", "Routes", "UdpSocket", "parse_route"]
