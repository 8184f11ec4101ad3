"""TLS of Quectel's LTE modules: QSSLCFG, sockets by QSSLOPEN, QSSLSEND, QSSLRECV, QSSLCLOSE, QSSLSTATE."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Mapping
from typing import Any

from modemsim.at.command import Answer, Command
from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import to_text
from modemsim.at.params import Address, Choice, Int, Raw, Text
from modemsim.at.result import Refusal
from modemsim.commands.sockets_ec800e import connect
from modemsim.commands.sockets_quectel import FAILED, SENT
from modemsim.net.tls_settings import TlsSettings
from modemsim.ue.module import Ue
from modemsim.ue.socket import Access, Kind, Socket, State

LOG = "EG800K live test of 2026"
SOURCE = f"{LOG}; EG25-G replies; EC2x SSL manual 1.0"
CLONE = "module-side source of an imitation of the ECx00x commands"
VERSIONS = ("3.0", "1.0", "1.1", "1.2")
EVERY_VERSION = 4
EVERY_SUITE = "0XFFFF"
SUITES: Mapping[str, str] = {
    "0X0035": "AES256-SHA",
    "0X002F": "AES128-SHA",
    "0X0005": "RC4-SHA",
    "0X0004": "RC4-MD5",
    "0X000A": "DES-CBC3-SHA",
    "0X003D": "AES256-SHA256",
    "0XC002": "ECDH-ECDSA-RC4-SHA",
    "0XC003": "ECDH-ECDSA-DES-CBC3-SHA",
    "0XC004": "ECDH-ECDSA-AES128-SHA",
    "0XC005": "ECDH-ECDSA-AES256-SHA",
    "0XC007": "ECDHE-ECDSA-RC4-SHA",
    "0XC008": "ECDHE-ECDSA-DES-CBC3-SHA",
    "0XC009": "ECDHE-ECDSA-AES128-SHA",
    "0XC00A": "ECDHE-ECDSA-AES256-SHA",
    "0XC011": "ECDHE-RSA-RC4-SHA",
    "0XC012": "ECDHE-RSA-DES-CBC3-SHA",
    "0XC013": "ECDHE-RSA-AES128-SHA",
    "0XC014": "ECDHE-RSA-AES256-SHA",
    "0XC00C": "ECDH-RSA-RC4-SHA",
    "0XC00D": "ECDH-RSA-DES-CBC3-SHA",
    "0XC00E": "ECDH-RSA-AES128-SHA",
    "0XC00F": "ECDH-RSA-AES256-SHA",
    "0XC023": "ECDHE-ECDSA-AES128-SHA256",
    "0XC024": "ECDHE-ECDSA-AES256-SHA384",
    "0XC025": "ECDH-ECDSA-AES128-SHA256",
    "0XC026": "ECDH-ECDSA-AES256-SHA384",
    "0XC027": "ECDHE-RSA-AES128-SHA256",
    "0XC028": "ECDHE-RSA-AES256-SHA384",
    "0XC029": "ECDH-RSA-AES128-SHA256",
    "0XC02A": "ECDH-RSA-AES256-SHA384",
    "0XC02F": "ECDHE-RSA-AES128-GCM-SHA256",
    "0XC030": "ECDHE-RSA-AES256-GCM-SHA384",
}
"""IANA's number of each suite and OpenSSL's name, the strongest last; the library has dropped some."""
UNNAMED = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384")
"""Suites that can only be had with all the others."""


class SslCommand(Command):
    """Base of a command about TLS; refusals are a plain ERROR, and nobody remembers their reason."""

    group = "ssl"


def config(ue: Ue, item: str, context: int) -> Any:
    """The first value of an item for one context: the host's, else the factory's under the key "default"."""
    return _values(ue, item, context)[0]


def _values(ue: Ue, item: str, context: int) -> list[Any]:
    kept = ue.settings.get(f"+QSSLCFG.{item}")
    return list(kept.get(str(context), kept["default"]))


def security(ue: Ue, context: int, host: str) -> TlsSettings:
    """What a connection to `host` is to be like under a context; files are read now, and may be missing."""
    level, version, suite = (config(ue, item, context) for item in ("seclevel", "sslversion", "ciphersuite"))
    path, *password = _values(ue, "clientkey", context)
    return TlsSettings(
        verify=level > 0,
        ca=ue.ip.files.read(config(ue, "cacert", context)),
        certificate=ue.ip.files.read(config(ue, "clientcert", context)),
        key=ue.ip.files.read(path),
        password=password[0] if password else "",
        shows_certificate=level > 1,
        server_name=host if config(ue, "sni", context) else None,
        now=None if config(ue, "ignorelocaltime", context) else ue.calendar.now_utc,
        oldest="1.0" if version == EVERY_VERSION else VERSIONS[version],
        newest=VERSIONS[min(version, len(VERSIONS) - 1)],
        ciphers=":".join(reversed([*SUITES.values(), *UNNAMED])) if suite == EVERY_SUITE else SUITES[suite],
        alpn=config(ue, "alpn", context),
        renegotiation=bool(config(ue, "renegotiation", context)),
        limit=float(config(ue, "negotiatetime", context)),
    )


class Qsslcfg(SslCommand):
    """Tell and set how connections under a TLS context are secured, by the name of the item."""

    name, source, provenance = "+QSSLCFG", SOURCE, "log"
    errors = ("unknown_item", "bad_value", "missing_parameter", "surplus_parameter")
    item = Text(32, doc="name of the item")
    context = Int(0, 5, doc="number of the TLS context")
    first = Raw(255, default=None, doc="new value; without it the value is told")
    second = Raw(255, default=None, doc="its second part: password of a key")

    NUMBERS: Mapping[str, tuple[int, int]] = {
        "sslversion": (0, 4),
        "seclevel": (0, 2),
        "ignorelocaltime": (0, 1),
        "negotiatetime": (10, 300),
        "sni": (0, 1),
        "closetimemode": (0, 1),
        "session_cache": (0, 1),
        "renegotiation": (0, 1),
        "ignoremulticertchainverify": (0, 0),
        "ignoreinvalidcertsign": (0, 0),
    }
    """Items that are a number, with its range; the last two stay as they are from the factory."""
    TEXTS: Mapping[str, str] = {
        "cacert": "<cacertpath>",
        "clientcert": "<client_cert_path>",
        "clientkey": "<client_key_path>,<key_pwd>",
        "alpn": "<protocolname>",
    }
    """Items that are text, and what AT+QSSLCFG=? shows for them."""
    ORDER = ("sslversion", "ciphersuite", "cacert", "clientcert", "clientkey", "seclevel", "ignorelocaltime",
             "negotiatetime", "sni", "closetimemode", "session_cache", "alpn", "renegotiation",
             "ignoremulticertchainverify", "ignoreinvalidcertsign")  # fmt: skip

    def test(self, ue: Ue) -> list[str]:
        return [f'+QSSLCFG: "{item}",(0-5),{self._range(item)}' for item in self._items(ue)]

    def write(self, ue: Ue, item: str, context: int, first: str | None, second: str | None) -> str | None:
        known = next((name for name in self._items(ue) if name.lower() == item.lower()), None)
        if known is None:
            raise Refusal("unknown_item")
        if first is None:
            if second is not None:
                raise Refusal("missing_parameter")
            return self._told(ue, known, context)
        if second is not None and known != "clientkey":
            raise Refusal("surplus_parameter")
        values = [self._value(known, first)] + ([] if second is None else [second])
        kept = ue.settings.get(f"+QSSLCFG.{known}")
        ue.settings.set(f"+QSSLCFG.{known}", {**kept, str(context): values})
        return None

    def _items(self, ue: Ue) -> list[str]:
        return [name for name in self.ORDER if f"+QSSLCFG.{name}" in ue.settings]

    def _range(self, item: str) -> str:
        if item == "ciphersuite":
            return "({})".format(",".join([*SUITES, EVERY_SUITE]))
        if item in self.TEXTS:
            return self.TEXTS[item]
        low, high = self.NUMBERS[item]
        return {0: f"({low})", 1: f"({low},{high})"}.get(high - low, f"({low}-{high})")

    def _value(self, item: str, text: str) -> int | str:
        """The value as it is kept; refuses one out of range."""
        if item in self.TEXTS:
            return text
        if item == "ciphersuite":
            suite = text.upper()
            if suite != EVERY_SUITE and suite not in SUITES:
                raise Refusal("bad_value")
            return suite
        low, high = self.NUMBERS[item]
        if not (re.fullmatch("[0-9]{1,5}", text) and low <= int(text) <= high):
            raise Refusal("bad_value")
        return int(text)

    def _told(self, ue: Ue, item: str, context: int) -> str:
        values = _values(ue, item, context)
        shown = (f'"{value}"' if item in self.TEXTS else str(value) for value in values)
        return f'+QSSLCFG: "{item}",{context},' + ",".join(shown)


class Qsslopen(SslCommand):
    """Open a connection and secure it; the outcome follows the OK, in transparent mode it is CONNECT."""

    name, source, provenance = "+QSSLOPEN", SOURCE, "log"
    max_response = 450.0
    errors = ("in_use", "connect_failed")
    pdp = Int(1, 15, doc="packet data context")
    context = Int(0, 5, doc="number of the TLS context")
    id = Int(0, 11, doc="number of the socket")
    host = Address(255, doc="address or name of the server")
    port = Int(1, 65535, doc="its port")
    access = Choice(0, 1, 2, default=0, doc="0 buffer, 1 push, 2 transparent")

    def write(self, ue: Ue, pdp: int, context: int, id: int, host: str, port: int, access: int) -> Any:
        table = ue.ip.ssl_sockets
        if table.get(id) is not None:
            raise Refusal("in_use")
        wishes = security(ue, context, host)
        place = {"context": pdp, "host": host, "port": port, "access": Access(access)}
        socket = table.create(id, Kind.TCP, **place, security=wishes, extra={"tls": context})
        if socket.access is Access.TRANSPARENT:
            return connect(ue, table, socket)
        return table.open(socket)


def _find(ue: Ue, id: int) -> Socket:
    socket = ue.ip.ssl_sockets.get(id)
    if socket is None:
        raise Refusal("no_socket")
    return socket


class Qsslsend(SslCommand):
    """Send data behind the prompt, so many bytes or up to Ctrl-Z."""

    name, source, provenance = "+QSSLSEND", SOURCE, "log"
    errors = ("no_socket", "not_connected", "aborted")
    test_reply = "+QSSLSEND: (0-11)[,(1-1460)]"
    data_mode = DataMode(length="length", max_bytes=1460, timeout="data_input")
    id = Int(0, 11, doc="number of the socket")
    length = Int(1, 1460, default=None, doc="bytes; without it the data ends with Ctrl-Z")

    def data_input(self, ue: Ue, values: Mapping[str, Any]) -> DataMode | None:
        """A socket that cannot send is refused before the prompt."""
        if _find(ue, values["id"]).state is not State.CONNECTED:
            raise Refusal("not_connected")
        return self.data_mode

    def write(self, ue: Ue, id: int, length: int | None, data: bytes) -> Answer:
        sent = ue.ip.ssl_sockets.send(_find(ue, id), data)
        return Answer(final=SENT if sent else FAILED)


class Qsslrecv(SslCommand):
    """Read received data out of the buffer of a socket."""

    name, source, provenance = "+QSSLRECV", SOURCE, "log"
    errors = ("no_socket", "not_allowed")
    id = Int(0, 11, doc="number of the socket")
    length = Int(1, 1500, default=1500, doc="most bytes to read")

    def write(self, ue: Ue, id: int, length: int) -> list[str]:
        socket = _find(ue, id)
        if socket.access is not Access.BUFFER:
            raise Refusal("not_allowed")
        data, _ = ue.ip.ssl_sockets.read(socket, length)
        return [f"+QSSLRECV: {len(data)}", to_text(data)] if data else ["+QSSLRECV: 0"]


class Qsslclose(SslCommand):
    """Close a socket and wait until that is done or the time is over; one not open counts as closed."""

    name, source, provenance = "+QSSLCLOSE", f"{SOURCE}; {CLONE}", "log"
    max_response = 12.0
    id = Int(0, 11, doc="number of the socket")
    timeout = Int(0, 65535, default=10, doc="time to wait at most: seconds, or ms with closetimemode 1")

    async def write(self, ue: Ue, id: int, timeout: int) -> None:
        socket = ue.ip.ssl_sockets.get(id)
        if socket is None:
            return
        stream, unit = socket.tcp, 0.001 if config(ue, "closetimemode", socket.extra["tls"]) else 1.0
        ue.ip.ssl_sockets.close(socket)
        if stream is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout * unit):
                    await stream.finish()


class Qsslstate(SslCommand):
    """Tell the state of all sockets with TLS, or of one; the own port is not told."""

    name, source, provenance = "+QSSLSTATE", SOURCE, "log"
    test_reply = ""
    read_reply = write_reply = execute_reply = (
        '+QSSLSTATE: {id},"SSLClient","{host}",{port},0,{state},{context},{id},{access},"uart1",{tls}'
    )
    id = Int(0, 11, doc="number of the socket")

    def read(self, ue: Ue) -> Any:
        return [
            {
                "id": socket.id,
                "host": socket.host,
                "port": socket.port,
                "state": int(socket.state),
                "context": socket.context,
                "access": int(socket.access),
                "tls": socket.extra["tls"],
            }
            for socket in ue.ip.ssl_sockets
        ]

    def execute(self, ue: Ue) -> Any:
        return self.read(ue)

    def write(self, ue: Ue, id: int) -> Any:
        return [line for line in self.read(ue) if line["id"] == id]
