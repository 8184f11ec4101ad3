"""The backend on pyOpenSSL: the pre-shared key callbacks go through cryptography's binding of OpenSSL.

OpenSSL retransmits on the machine's clock only. What it repeats by itself is taken out of its output, so
that the association alone decides when a flight is sent again.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.bindings.openssl.binding import Binding
from OpenSSL import SSL

from modemsim.coap.dtls.engine import Credentials, EngineError, KeyLog, Keys, Suite
from modemsim.coap.dtls.records import message, message_number, split

LONGEST_KEY = 256

_NAMES = {Suite.CCM_8: "PSK-AES128-CCM8", Suite.CBC: "PSK-AES128-CBC-SHA256"}
_SUITES = {name: suite for suite, name in _NAMES.items()}
_MTU = 1280
_LARGEST = 1 << 16
_SESSION_CONTEXT = b"modemsim"
_DTLS_1_2 = 0xFEFD
_CLIENT_CALLBACK = "unsigned int(SSL *, const char *, char *, unsigned int, unsigned char *, unsigned int)"
_SERVER_CALLBACK = "unsigned int(SSL *, const char *, unsigned char *, unsigned int)"

_lib: Any = Binding.lib
_ffi: Any = Binding.ffi


class _Context:
    """An OpenSSL context with what must live as long as it does."""

    def __init__(self, suites: Sequence[Suite], keylog: KeyLog | None) -> None:
        self.ssl = SSL.Context(SSL.DTLS_METHOD)
        self.ssl.set_min_proto_version(_DTLS_1_2)
        ciphers = ":".join([*(_NAMES[suite] for suite in suites), "@SECLEVEL=0"])
        self.ssl.set_cipher_list(ciphers.encode())
        self.ssl.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET)
        self._callbacks: list[Any] = []
        if keylog is not None:
            self.ssl.set_keylog_callback(lambda connection, line: keylog(line.decode()))

    def use_credentials(self, credentials: Credentials) -> None:
        """Present an identity and prove its key."""
        identity, key = credentials.identity.encode() + b"\0", credentials.key

        def present(
            ssl: Any, hint: Any, identity_out: Any, identity_room: int, key_out: Any, key_room: int
        ) -> int:
            if len(identity) > identity_room or len(key) > key_room:
                return 0
            _ffi.memmove(identity_out, identity, len(identity))
            _ffi.memmove(key_out, key, len(key))
            return len(key)

        callback = _ffi.callback(_CLIENT_CALLBACK, present)
        _lib.SSL_CTX_set_psk_client_callback(self.ssl._context, callback)
        self._callbacks.append(callback)

    def use_keys(self, find: Callable[[bytes], bytes | None]) -> None:
        """Ask `find` for the key of an identity."""

        def look_up(ssl: Any, identity: Any, key_out: Any, key_room: int) -> int:
            key = find(_ffi.string(identity))
            if key is None or len(key) > key_room:
                return 0
            _ffi.memmove(key_out, key, len(key))
            return len(key)

        callback = _ffi.callback(_SERVER_CALLBACK, look_up)
        _lib.SSL_CTX_set_psk_server_callback(self.ssl._context, callback)
        self._callbacks.append(callback)

    def use_cookies(self) -> None:
        """Answer a ClientHello without the cookie of its address with HelloVerifyRequest (RFC 6347 4.2.1)."""
        secret = os.urandom(32)

        def cookie(connection: SSL.Connection) -> bytes:
            address: bytes = connection.get_app_data()
            return hmac.digest(secret, address, "sha256")[:16]

        self.ssl.set_options(SSL.OP_COOKIE_EXCHANGE)
        self.ssl.set_cookie_generate_callback(cookie)
        self.ssl.set_cookie_verify_callback(lambda connection, given: bool(given == cookie(connection)))

    def use_session_cache(self) -> None:
        """Let clients continue their sessions (RFC 5246 7.3)."""
        self.ssl.set_session_id(_SESSION_CONTEXT)
        self.ssl.set_session_cache_mode(SSL.SESS_CACHE_SERVER)


class OpensslEngine:
    """One session."""

    def __init__(self, context: _Context, *, address: bytes | None, identity: str | None) -> None:
        self._context = context
        self._connection = SSL.Connection(context.ssl, None)
        self._connection.set_ciphertext_mtu(_MTU)
        if address is None:
            self._connection.set_connect_state()
        else:
            self._connection.set_app_data(address)
            self._connection.set_accept_state()
        self.identity = identity
        self.done = False
        self._sent: set[int] = set()

    @property
    def suite(self) -> Suite | None:
        """The suite that was agreed on."""
        return _SUITES.get(self._connection.get_cipher_name() or "") if self.done else None

    @property
    def resumed(self) -> bool:
        """Whether the session continues an earlier one."""
        return self.done and bool(_lib.SSL_session_reused(self._connection._ssl))

    def proceed(self, session: SSL.Session) -> None:
        """Offer to continue an earlier session."""
        self._connection.set_session(session)

    def start(self) -> bytes:
        """The first ClientHello."""
        self._shake()
        return self._output()

    def feed(self, datagram: bytes) -> tuple[list[bytes], bytes]:
        """Take records of one datagram; see Engine."""
        self._connection.bio_write(datagram)
        if not self.done:
            self._shake()
            if not self.done:
                return [], self._output()
        plaintexts = []
        try:
            while True:
                plaintexts.append(self._connection.recv(_LARGEST))
        except SSL.WantReadError:
            return plaintexts, self._output()
        except SSL.ZeroReturnError:
            raise EngineError("close_notify", self._output(), closed=True) from None
        except SSL.Error as error:
            raise EngineError(_reason(error), self._output()) from None

    def write(self, plaintext: bytes) -> bytes:
        """One plaintext as records."""
        try:
            self._connection.send(plaintext)
        except SSL.Error as error:
            raise EngineError(_reason(error), self._output()) from None
        return self._output()

    def shutdown(self) -> bytes:
        """Say close_notify."""
        try:
            self._connection.shutdown()
        except SSL.Error:
            return b""
        return self._output()

    def resend(self, duplicate: bytes) -> bytes:
        """OpenSSL's own retransmission, if the machine's clock allows it by now."""
        if self._connection.DTLSv1_get_timeout() != 0:
            return b""
        self._connection.DTLSv1_handle_timeout()
        return self._read_output()

    def session(self) -> object | None:
        """What a later session can continue, with the context it belongs to."""
        session = self._connection.get_session()
        return None if session is None else (self._context, session)

    def __del__(self) -> None:
        # OpenSSL takes a session that was not shut down for broken and would refuse to continue it.
        self._connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)

    def _shake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise EngineError(_reason(error), self._output()) from None
        self.done = True

    def _output(self) -> bytes:
        """What the library wants to send, without what it repeats on its own account."""
        output = self._read_output()
        numbers = {message_number(record) for record in split(output) if message(record) not in (None, 3)}
        if numbers & self._sent:
            return b""
        self._sent |= numbers
        return output

    def _read_output(self) -> bytes:
        output = b""
        while True:
            try:
                output += self._connection.bio_read(_LARGEST)
            except SSL.WantReadError:
                return output


def _reason(error: SSL.Error) -> str:
    """The library's words for what went wrong."""
    details = error.args[0] if error.args else None
    if isinstance(details, list) and details:
        return str(details[0][-1])
    return str(error) or "handshake failed"


class _OpensslAcceptor:
    """A server's configuration."""

    def __init__(self, keys: Keys, suites: Sequence[Suite], keylog: KeyLog | None) -> None:
        self._keys = keys
        self._context = _Context(suites, keylog)
        self._context.use_keys(self._find)
        self._context.use_cookies()
        self._context.use_session_cache()
        self._shaking: OpensslEngine | None = None

    def accept(self, address: bytes) -> OpensslEngine:
        """A session for one client."""
        return _ServerEngine(self, self._context, address)

    def _find(self, identity: bytes) -> bytes | None:
        try:
            name = identity.decode()
        except UnicodeDecodeError:
            return None
        if self._shaking is not None:
            self._shaking.identity = name
        return self._keys(name)

    def shaking(self, engine: OpensslEngine | None) -> None:
        """Whose client the key callback is asked for, until told otherwise."""
        self._shaking = engine


class _ServerEngine(OpensslEngine):
    """A session whose client says who it is."""

    def __init__(self, acceptor: _OpensslAcceptor, context: _Context, address: bytes) -> None:
        super().__init__(context, address=address, identity=None)
        self._acceptor = acceptor

    def _shake(self) -> None:
        self._acceptor.shaking(self)
        try:
            super()._shake()
        finally:
            self._acceptor.shaking(None)


def client(
    credentials: Credentials, suites: Sequence[Suite], keylog: KeyLog | None, session: object | None
) -> OpensslEngine:
    """A client session, which offers to continue an earlier one."""
    if isinstance(session, tuple):
        context, earlier = session
        engine = OpensslEngine(context, address=None, identity=credentials.identity)
        engine.proceed(earlier)
        return engine
    context = _Context(suites, keylog)
    context.use_credentials(credentials)
    return OpensslEngine(context, address=None, identity=credentials.identity)


def server(keys: Keys, suites: Sequence[Suite], keylog: KeyLog | None) -> _OpensslAcceptor:
    """A server."""
    return _OpensslAcceptor(keys, suites, keylog)
