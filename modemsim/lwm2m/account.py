"""Object 1, the server account: what writing and executing its resources does to the registration."""

from __future__ import annotations

from collections.abc import Callable

from modemsim.lwm2m.model import ObjectInstance
from modemsim.lwm2m.policy import Policy

ACCOUNT = (1, 0)
"""The one account that a module has."""

SHORT_ID, LIFETIME, MIN_PERIOD, MAX_PERIOD = 0, 1, 2, 3
DISABLE, DISABLE_TIMEOUT, BINDING, UPDATE_TRIGGER = 4, 5, 7, 8
DEFAULT_DISABLE_TIMEOUT = 86400
"""Seconds a disabled client stays away unless the server says how long (OMA LwM2M 1.0.2, E.2)."""


def complete(
    server: ObjectInstance,
    policy: Policy,
    *,
    lifetime: Callable[[], int],
    binding: Callable[[], str],
    update: Callable[[int | None, str | None], None],
    disabled: Callable[[int], None],
) -> None:
    """Connect an instance with its client: present values, and what to do when the server changes them.

    Source: OMA LwM2M 1.0.2, appendix E.2; in 1.1 queue mode is no part of the binding any more.
    """
    bindings = ("U", "UQ") if policy.version == "1.0" else ("U",)

    def write_lifetime(value: object) -> None:
        if not isinstance(value, int) or value <= 0:
            raise ValueError("a lifetime is a positive number of seconds")
        update(value, None)

    def write_binding(value: object) -> None:
        if not isinstance(value, str) or value not in bindings:
            raise ValueError(f"the module knows the bindings {bindings}")
        update(None, value)

    def disable(arguments: bytes) -> None:
        seconds = server.read(DISABLE_TIMEOUT)
        disabled(seconds if isinstance(seconds, int) else DEFAULT_DISABLE_TIMEOUT)

    server.values[LIFETIME] = lifetime
    server.values[BINDING] = lambda: policy.binding_parameter(binding())
    server.on_write[LIFETIME] = write_lifetime
    server.on_write[BINDING] = write_binding
    server.on_execute[UPDATE_TRIGGER] = lambda arguments: update(None, None)
    if policy.disable:
        server.values[DISABLE_TIMEOUT] = DEFAULT_DISABLE_TIMEOUT
        server.on_execute[DISABLE] = disable
