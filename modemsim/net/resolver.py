"""Host names of the module: queries to its DNS servers across the air.

A server that a route leads to is asked for real. Every other one answers what routes and documents know; a
name they do not know is looked up on this machine, unless the run is offline; the clock is held meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from enum import StrEnum

from modemsim import clock
from modemsim.net import dns
from modemsim.net.bearer import Bearer
from modemsim.net.crossing import CrossingFailed, Loss, round_trip
from modemsim.net.routes import ip_literal

QUERY_TIMEOUT = 5.0
"""Seconds to the repetition of a query (RFC 1123, 6.1.3.3)."""
QUERIES = 3
"""Queries before a name has no answer."""
USUAL = (QUERIES, QUERY_TIMEOUT)
PATIENCE = QUERIES * QUERY_TIMEOUT + 5.0
"""Seconds for a command that waits for a name, set-up of the connection included."""
OPERATOR = "192.0.2.53"
"""The operator's DNS server, for a module whose servers nobody can set."""
CACHE_SIZE = 16
"""Names kept; a small module keeps few."""


class NameProblem(StrEnum):
    """Why a name has no address."""

    NO_BEARER = "no bearer"
    NO_ANSWER = "no answer"
    UNKNOWN = "unknown"


class NameFailed(LookupError):
    """A name could not be resolved; `problem` says why."""

    def __init__(self, problem: NameProblem) -> None:
        super().__init__(problem.value)
        self.problem = problem


class Resolver:
    """Resolves for one module; addresses stand for themselves and need no query.

    `patience` tells how many queries are sent and the seconds each has for its answer, `caching` whether
    answers are kept, `servers` the addresses of the module's DNS servers, which are asked in turn. While
    `silent` is set none of them answers.
    """

    def __init__(self, bearer: Bearer) -> None:
        self.patience: Callable[[], tuple[int, float]] = lambda: USUAL
        self.caching: Callable[[], bool] = lambda: True
        self.servers: Callable[[], list[str]] = lambda: [OPERATOR]
        self.silent = False
        self._bearer = bearer
        self._cache: dict[str, list[str]] = {}

    def clear(self) -> None:
        """Forget every answer."""
        self._cache.clear()

    async def resolve(self, host: str, *, cached: bool = True) -> list[str]:
        """The addresses of a name, best first, at least one; raises NameFailed."""
        literal = ip_literal(host)
        if literal is not None:
            return [literal]
        if self._bearer.ip is None:
            raise NameFailed(NameProblem.NO_BEARER)
        name = host.lower().rstrip(".")
        if not all(0 < len(label) < 64 for label in name.split(".")):
            raise NameFailed(NameProblem.UNKNOWN)
        if cached and self.caching() and name in self._cache:
            return self._cache[name]
        found = await self._ask(name)
        if not found:
            raise NameFailed(NameProblem.UNKNOWN)
        while len(self._cache) >= CACHE_SIZE:
            del self._cache[next(iter(self._cache))]
        self._cache[name] = found
        self._bearer.note("resolved", name=name, addresses=found)
        return found

    async def _ask(self, name: str) -> list[str]:
        """What the DNS servers say, asked in turn while there is no answer; raises NameFailed."""
        loop = asyncio.get_running_loop()
        queries, seconds = self.patience()
        servers = [server for server in self.servers() if dns.usable(server)]
        for number in range(queries if servers else 0):
            started, server = loop.time(), servers[number % len(servers)]
            try:
                found = await self._query(server, name, seconds)
            except CrossingFailed:
                raise NameFailed(NameProblem.NO_BEARER) from None
            if found is not None:
                return found
            self._bearer.note("query_lost", name=name, server=server)
            await asyncio.sleep(max(0.0, started + seconds - loop.time()))
        raise NameFailed(NameProblem.NO_BEARER if self._bearer.ip is None else NameProblem.NO_ANSWER)

    async def _query(self, server: str, name: str, seconds: float) -> list[str] | None:
        """The answer of one server; None when there is none. Raises CrossingFailed."""
        if self._bearer.ip is None:
            raise CrossingFailed(Loss.NO_BEARER)
        if self._bearer.routes.declared((server, dns.PORT)):
            return await dns.ask(self._bearer, server, name, seconds)
        if await round_trip(self._bearer) is None or self.silent:
            return None
        return self._bearer.routes.resolve(name) or await self._outside(name)

    async def _outside(self, name: str) -> list[str]:
        if self._bearer.routes.offline:
            return []
        with clock.hold():
            try:
                loop = asyncio.get_running_loop()
                answers = await loop.getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
            except (OSError, UnicodeError):
                return []
        if self._bearer.ip is None:
            raise CrossingFailed(Loss.NO_BEARER)
        return list(dict.fromkeys(str(address[0]) for *_, address in answers))
