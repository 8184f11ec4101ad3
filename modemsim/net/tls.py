"""TLS of the module over its TCP socket: the standard library's state machine between two memory buffers.

The bytes of the protocol cross the air as any data of a TCP connection do, so set-up, latency, loss and
outage are those of `modemsim.net.tcp`. What the owner has no room for stays encrypted.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable

from modemsim.net.bearer import Bearer
from modemsim.net.crossing import CrossingFailed, Loss, Retransmission
from modemsim.net.routes import Address
from modemsim.net.tcp import FLIGHT, KeepAlive, TcpSocket
from modemsim.net.tls_settings import TlsFailed, TlsFailure, TlsSettings, check_dates, verification_failure
from modemsim.trace import host_port

RECORD = 16384
"""Most plain bytes in one record (RFC 5246, 6.2.1)."""


class TlsSocket:
    """One secured connection of the module: `connect`, then `negotiate`; the rest is as of a `TcpSocket`.

    `sent` and `acked` count bytes of the host, not of the protocol.
    """

    def __init__(self, bearer: Bearer, settings: TlsSettings) -> None:
        self.sent = 0
        self.on_data: Callable[[bytes], None] = lambda data: None
        self.on_end: Callable[[Loss], None] = lambda loss: None
        self.room: Callable[[], int] = lambda: FLIGHT
        self._bearer = bearer
        self._settings = settings
        self._tcp = TcpSocket(bearer)
        self._tcp.on_data, self._tcp.on_end = self._arrived, self._tcp_ended
        self._tcp.room = self._record_room
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._changed = asyncio.Event()
        self._up = self._over = self._pumping = False
        self._loss: Loss | None = None
        self._unsent = bytearray()
        self._marks: deque[tuple[int, int]] = deque()
        self._acked = 0

    # ------------------------------------------------------------ what TCP tells as well

    @property
    def peer(self) -> Address:
        """The address it is connected to."""
        return self._tcp.peer

    @property
    def local_port(self) -> int:
        """The port on the module's side; 0 before there is one."""
        return self._tcp.local_port

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent or received any more."""
        return self._over or self._tcp.closed

    @property
    def acked(self) -> int:
        """Bytes of the host that the peer has."""
        self._settle()
        return self._acked

    def _settle(self) -> None:
        """Forget the ends of what the peer has by now."""
        while self._marks and self._marks[0][0] <= self._tcp.acked:
            self._acked = self._marks.popleft()[1]

    @property
    def unacked(self) -> int:
        """Bytes taken from the host that the peer does not have yet."""
        return self.sent - self.acked

    def keep_alive(self, settings: KeepAlive | None) -> None:
        """Probe a silent peer; see `TcpSocket.keep_alive`."""
        self._tcp.keep_alive(settings)

    @property
    def retransmission(self) -> Retransmission:
        """How a lost flight is repeated."""
        return self._tcp.retransmission

    @retransmission.setter
    def retransmission(self, chosen: Retransmission) -> None:
        self._tcp.retransmission = chosen

    @property
    def on_closed(self) -> Callable[[], None]:
        """Called once nothing of the connection is left."""
        return self._tcp.on_closed

    @on_closed.setter
    def on_closed(self, told: Callable[[], None]) -> None:
        self._tcp.on_closed = told

    @property
    def on_acked(self) -> Callable[[], None]:
        """Called when the peer has more of what was sent."""
        return self._tcp.on_acked

    @on_acked.setter
    def on_acked(self, told: Callable[[], None]) -> None:
        self._tcp.on_acked = told

    async def delivered(self) -> bool:
        """Wait until the peer has everything sent so far; False when the connection is over before."""
        return await self._tcp.delivered() and not self._unsent

    # ------------------------------------------------------------ opening

    async def connect(self, to: Address, local_port: int = 0) -> None:
        """Open the TCP connection; raises as `TcpSocket.connect` does, TlsFailed for unusable settings."""
        self._tcp.peer = to
        name = self._settings.server_name
        try:
            self._tls = self._settings.context().wrap_bio(
                self._incoming, self._outgoing, server_hostname=name
            )
        except ValueError as error:
            self._refuse(TlsFailed(TlsFailure.NAME, str(error)))
        except TlsFailed as failed:
            self._refuse(failed)
        await self._tcp.connect(to, local_port)

    async def negotiate(self) -> None:
        """Secure the connection; raises TlsFailed, CrossingFailed when the connection below is lost."""
        try:
            async with asyncio.timeout(self._settings.limit):
                await self._handshake()
        except TimeoutError:
            self._refuse(TlsFailed(TlsFailure.TIMEOUT, f"nothing after {self._settings.limit:g} s"))
        except TlsFailed as failed:
            self._refuse(failed)
        tls = self._secured()
        suite, version = tls.cipher(), tls.version()
        self._note("tls_up", version=version, cipher=suite and suite[0])
        self._up = True
        self._soon()  # what came with the last flight is for an owner who knows that the connection stands

    def _soon(self) -> None:
        asyncio.get_running_loop().call_soon(self._pump)

    def _secured(self) -> ssl.SSLObject:
        assert self._tls is not None, "connect comes first"
        return self._tls

    async def _handshake(self) -> None:
        tls = self._secured()
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                partial = not self._outgoing.pending  # nothing to say: the peer's flight came in part
                self._flush()
                if self._loss is not None:
                    raise self._lost(self._loss) from None
                if partial:
                    self._tcp.expect()
                self._changed.clear()
                await self._changed.wait()
            except ssl.SSLCertVerificationError as error:
                raise TlsFailed(verification_failure(error), error.verify_message) from error
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as error:
                raise self._lost(self._loss or Loss.CLOSED) from error
            except ssl.SSLError as error:
                raise TlsFailed(TlsFailure.REFUSED, error.reason or str(error)) from error
            else:
                break
        self._flush()
        if self._settings.verify and self._settings.now is not None:
            check_dates(tls, self._settings.now())

    def _lost(self, loss: Loss) -> ConnectionError:
        """The error for a connection that ended below the negotiation."""
        if loss in (Loss.CLOSED, Loss.RESET):
            return TlsFailed(TlsFailure.CLOSED, loss.value)
        return CrossingFailed(loss)

    def _refuse(self, failed: TlsFailed) -> None:
        """Tell the peer what the protocol has to say, end the connection and raise."""
        self._note("tls_failed", failure=failed.failure.value, detail=failed.detail)
        self._over = True
        self._flush()
        self._tcp.close()
        raise failed

    def _note(self, event: str, **fields: object) -> None:
        self._bearer.note(event, peer=host_port(self.peer), **fields)

    # ------------------------------------------------------------ both ways

    def send(self, data: bytes) -> None:
        """Take data for the peer; what is sent after a close or an end goes nowhere."""
        if self.closed or not self._up:
            return
        self.sent += len(data)
        self._unsent += data
        self._encrypt()

    def _encrypt(self) -> None:
        """Make records of what the host gave; a negotiation that is repeated may hold it up."""
        with contextlib.suppress(ssl.SSLWantReadError):
            while self._unsent:
                taken = self._secured().write(self._unsent[:RECORD])
                del self._unsent[:taken]
        self._flush()
        self._settle()
        if not self._unsent:
            self._marks.append((self._tcp.sent, self.sent))

    def _flush(self) -> None:
        data = self._outgoing.read()
        if data:
            self._tcp.send(data)

    def read_on(self) -> None:
        """The owner has room again; what waits reaches it later, never from within this call."""
        self._soon()
        self._tcp.read_on()

    def _record_room(self) -> int:
        if not self._up:
            return FLIGHT
        return FLIGHT if self._incoming.pending < FLIGHT and self.room() > 0 else 0

    def _arrived(self, data: bytes) -> None:
        self._incoming.write(data)
        self._changed.set()
        self._pump()

    def _tcp_ended(self, loss: Loss) -> None:
        self._loss = loss
        self._incoming.write_eof()
        self._changed.set()
        self._pump()

    def _pump(self) -> None:
        """Hand over what has been decrypted, as far as the owner has room."""
        if self._pumping or not self._up:
            return
        self._pumping = True
        try:
            while not self._over and (room := self.room()) > 0:
                try:
                    data = self._secured().read(min(room, RECORD))
                except ssl.SSLWantReadError:
                    break
                except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                    data = b""
                except ssl.SSLError as error:
                    self._note("tls_broken", detail=error.reason)
                    self._end(Loss.SECURITY)
                    break
                if not data:
                    self._end(self._loss or Loss.CLOSED)
                    break
                self.on_data(data)
        finally:
            self._pumping = False
        if not self._over:
            self._encrypt() if self._unsent else self._flush()

    # ------------------------------------------------------------ the end

    def _end(self, loss: Loss) -> None:
        end = self.on_end
        self.abort() if loss is Loss.SECURITY else self.close()
        end(loss)

    def close(self) -> None:
        """Say so to the peer and end the connection in good order, behind everything sent before."""
        if not self._over and self._up:
            with contextlib.suppress(ssl.SSLError):
                self._secured().unwrap()
            self._flush()
        self._stop()
        self._tcp.close()

    async def finish(self) -> None:
        """Close, and return once everything sent before and the end itself have crossed the air."""
        self.close()
        await self._tcp.finish()

    def abort(self) -> None:
        """Reset the connection at once and forget what is on its way."""
        self._stop()
        self._tcp.abort()

    def _stop(self) -> None:
        self._over = True
        self.on_end = lambda loss: None
        self.on_data = lambda data: None


Stream = TcpSocket | TlsSocket
"""A connection of the module, secured or not."""


def make_stream(bearer: Bearer, security: TlsSettings | None) -> Stream:
    """A connection that is not open yet."""
    return TcpSocket(bearer) if security is None else TlsSocket(bearer, security)


async def open_stream(stream: Stream, to: Address, local_port: int = 0, limit: float | None = None) -> None:
    """Connect within `limit` seconds, then negotiate where that belongs to it; raises as those two do.

    TimeoutError: the connection itself took too long.
    """
    async with asyncio.timeout(limit):
        await stream.connect(to, local_port)
    if isinstance(stream, TlsSocket):
        await stream.negotiate()
