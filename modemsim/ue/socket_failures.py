"""Why a socket could not be opened, as the situations whose numbers a profile gives."""

from __future__ import annotations

import errno
from collections.abc import Mapping

from modemsim.net.crossing import CrossingFailed, Loss
from modemsim.net.resolver import NameFailed, NameProblem
from modemsim.net.tcp import ListenFailed

BROADER: Mapping[str, str] = {"create": "bind", "listen": "bind", "pdp_broken": "no_bearer"}
"""What a module that does not tell one situation from another takes it for."""

_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_OF_NAME = {
    NameProblem.NO_BEARER: "no_bearer",
    NameProblem.NO_ANSWER: "dns",
    NameProblem.UNKNOWN: "dns",
}
_OF_CONNECTION = {
    Loss.NO_BEARER: "no_bearer",
    Loss.NO_ANSWER: "connect",
    Loss.REFUSED: "connect",
}


def situation_of(problem: NameFailed | OSError) -> str:
    """The situation in which opening a socket ended."""
    if isinstance(problem, NameFailed):
        return _OF_NAME[problem.problem]
    if isinstance(problem, CrossingFailed):
        return _OF_CONNECTION[problem.loss]
    if isinstance(problem, TimeoutError):
        return "timeout"
    if isinstance(problem, ListenFailed):
        return "listen"
    return "create" if problem.errno in _EXHAUSTED else "bind"
