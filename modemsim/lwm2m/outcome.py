"""What became of a request to the server: a response, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

from aiocoap import Message, error
from aiocoap.numbers.codes import Code

from modemsim.lwm2m.states import Event

TIMEOUT = "timeout"
RESET = "rst"
UNSECURED = "dtls"
"""What the reason of a request begins with for which there was no secured connection."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a request came to: a response, or the reason why there is none."""

    response: Message | None
    reason: str

    def has(self, code: Code) -> bool:
        """Whether the response has a code."""
        return self.response is not None and self.response.code == code

    @property
    def failure(self) -> Event:
        """What a failure means to the registration."""
        silent = self.reason == TIMEOUT or self.reason.startswith(UNSECURED)
        return Event.UNANSWERED if self.response is None and silent else Event.REFUSED


async def outcome_of(answer: Awaitable[Message]) -> Outcome:
    """What a request came to."""
    try:
        response = await answer
    except error.TimeoutError:
        return Outcome(None, TIMEOUT)
    except error.MessageError:
        return Outcome(None, RESET)
    except error.LibraryShutdown:
        return Outcome(None, "closed")
    except error.NetworkError as problem:
        return Outcome(None, str(problem.args[0]))
    return Outcome(response, response.code.dotted)
