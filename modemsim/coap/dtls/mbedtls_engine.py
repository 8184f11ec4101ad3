"""The backend on python-mbedtls (Mbed TLS 2.28).

Its retransmission timer runs on the machine's clock, so it is set out of reach, and `resend` makes the
library repeat its flight by showing it a duplicate of the peer's last message (RFC 6347 4.2.4, the WAITING
state).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mbedtls import tls
from mbedtls.exceptions import TLSError

from modemsim.coap.dtls.engine import Credentials, EngineError, KeyLog, Keys, Suite
from modemsim.coap.dtls.keylog import Observer

LONGEST_KEY = 32

_NAMES = {
    Suite.CCM_8: "TLS-PSK-WITH-AES-128-CCM-8",
    Suite.CBC: "TLS-PSK-WITH-AES-128-CBC-SHA256",
}
_SUITES = {name: suite for suite, name in _NAMES.items()}
_NEVER = 2_000_000
"""Seconds; the library's own retransmission never comes."""
_PEER_CLOSED = 0x7880
"""MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY without its sign."""
_OUTPUT = 1 << 16
_OVER = tls.HandshakeStep.HANDSHAKE_OVER
_PLAINTEXT = bytearray(1 << 14)


class _KeyTable(Mapping[str, bytes]):
    """The keys of a server in the shape that the library asks; remembers the identity asked for last."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self.asked: tuple[str, bytes | None] | None = None

    def __getitem__(self, identity: str) -> bytes:
        key = self._keys(identity)
        self.asked = identity, key
        if key is None or len(key) > LONGEST_KEY:
            raise KeyError(identity)
        return key

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _configuration(
    suites: Sequence[Suite], credentials: Credentials | None, table: _KeyTable | None
) -> tls.DTLSConfiguration:
    version = tls.DTLSVersion.DTLSv1_2
    return tls.DTLSConfiguration(
        ciphers=tuple(_NAMES[suite] for suite in suites),
        pre_shared_key=None if credentials is None else (credentials.identity, credentials.key),
        pre_shared_key_store=table,
        validate_certificates=False,
        lowest_supported_version=version,
        highest_supported_version=version,
        handshake_timeout_min=_NEVER,
        handshake_timeout_max=_NEVER,
    )


class MbedtlsEngine:
    """One session, client without and server with a cookie parameter."""

    def __init__(
        self,
        context: tls.ClientContext | tls.ServerContext,
        *,
        cookie: bytes = b"",
        credentials: Credentials | None = None,
        table: _KeyTable | None = None,
        keylog: KeyLog | None = None,
    ) -> None:
        if isinstance(context, tls.ServerContext):
            self._buffer = context.wrap_buffers()
            self._buffer.setcookieparam(cookie)
        else:
            self._buffer = context.wrap_buffers(None)
        self._cookie = cookie
        self._table = table
        self._credentials = credentials
        self._observer = None if keylog is None else Observer(keylog)
        self.identity: str | None = credentials.identity if credentials else None
        self.done = False
        self.resumed = False

    @property
    def suite(self) -> Suite | None:
        """The suite that was agreed on."""
        return _SUITES.get(str(self._buffer.cipher())) if self.done else None

    def start(self) -> bytes:
        """The first ClientHello."""
        self._shake()
        return self._output()

    def feed(self, datagram: bytes) -> tuple[list[bytes], bytes]:
        """Take records of one datagram; see Engine."""
        if self._observer is not None and not self.done:
            self._observer.saw(datagram)
        self._buffer.receive_from_network(datagram)
        if not self.done:
            self._shake()
            if not self.done:
                return [], self._output()
        plaintexts = self._read()
        return plaintexts, self._output()

    def write(self, plaintext: bytes) -> bytes:
        """One plaintext as records."""
        try:
            self._buffer.write(plaintext)
        except TLSError as error:
            raise EngineError(str(error), self._output()) from None
        return self._output()

    def shutdown(self) -> bytes:
        """Say close_notify."""
        try:
            self._buffer.shutdown()
        except (TLSError, OSError):
            return b""
        return self._output()

    def resend(self, duplicate: bytes) -> bytes:
        """Show the library a message again, which it answers with its flight."""
        _, output = self.feed(duplicate)
        return output

    def session(self) -> object | None:
        """The library's Python side cannot continue a session."""
        return None

    def _shake(self) -> None:
        """Drive the handshake as far as it goes."""
        if self._table is not None:
            self._table.asked = None
        try:
            while self._buffer._handshake_state is not _OVER and not self._waits():
                pass
        except (TLSError, ValueError) as error:
            self._note_identity()
            raise EngineError(str(error) or "handshake failed", self._output()) from None
        self._note_identity()
        self.done = self._buffer._handshake_state is _OVER

    def _waits(self) -> bool:
        """Do one step; whether the next one needs something of the peer."""
        try:
            self._buffer.do_handshake()
        except tls.WantReadError:
            return True
        except tls.WantWriteError:
            return False
        except tls.HelloVerifyRequest:
            self._buffer.setcookieparam(self._cookie)
            return True
        return False

    def _note_identity(self) -> None:
        if self._table is not None and self._table.asked is not None:
            self.identity, key = self._table.asked
            if self._observer is not None and key is not None:
                self._observer.key = key
        elif self._credentials is not None and self._observer is not None:
            self._observer.key = self._credentials.key

    def _read(self) -> list[bytes]:
        plaintexts: list[bytes] = []
        while True:
            try:
                size = self._buffer.readinto(_PLAINTEXT, len(_PLAINTEXT))
            except (tls.WantReadError, tls.WantWriteError):
                return plaintexts
            except tls.RaggedEOF:
                raise EngineError("close_notify", self._output(), closed=True) from None
            except TLSError as error:
                closed = error.err == _PEER_CLOSED
                raise EngineError(str(error), self._output(), closed=closed) from None
            if not size:
                raise EngineError("close_notify", self._output(), closed=True)
            plaintexts.append(bytes(_PLAINTEXT[:size]))

    def _output(self) -> bytes:
        output: bytes = self._buffer.peek_outgoing(_OUTPUT)
        self._buffer.consume_outgoing(len(output))
        if self._observer is not None:
            self._observer.saw(output)
        return output


class _MbedtlsAcceptor:
    """A server's configuration."""

    def __init__(self, keys: Keys, suites: Sequence[Suite], keylog: KeyLog | None) -> None:
        self._table = _KeyTable(keys)
        self._context = tls.ServerContext(_configuration(suites, None, self._table))
        self._keylog = keylog

    def accept(self, address: bytes) -> MbedtlsEngine:
        """A session for one client."""
        return MbedtlsEngine(self._context, cookie=address, table=self._table, keylog=self._keylog)


def client(
    credentials: Credentials, suites: Sequence[Suite], keylog: KeyLog | None, session: object | None
) -> MbedtlsEngine:
    """A client session."""
    context = tls.ClientContext(_configuration(suites, credentials, None))
    return MbedtlsEngine(context, credentials=credentials, keylog=keylog)


def server(keys: Keys, suites: Sequence[Suite], keylog: KeyLog | None) -> _MbedtlsAcceptor:
    """A server."""
    return _MbedtlsAcceptor(keys, suites, keylog)
