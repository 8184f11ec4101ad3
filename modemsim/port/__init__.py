"""Where the host plugs in: pseudo-terminal, TCP, standard streams, memory; and the UART that paces them."""

from modemsim.port.base import Port, PortError, PortTaken
from modemsim.port.memory_port import MemoryPort
from modemsim.port.pty_port import PtyPort
from modemsim.port.stdio_port import StdioPort
from modemsim.port.tcp_port import TcpPort
from modemsim.port.uart import Uart

__all__ = ["MemoryPort", "Port", "PortError", "PortTaken", "PtyPort", "StdioPort", "TcpPort", "Uart"]
