"""What every parameter of a command can do: parse a token, render a value, describe its range, be narrowed.

A declaration says the widest range the command can mean; a profile narrows it ("0-5", [0, 1, 4], {max = 40,
default = 1}) to what the module takes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

from modemsim.at.result import BAD_VALUE

Spec = str | Sequence[Any] | Mapping[str, Any]


class Token(NamedTuple):
    """One argument as the host wrote it, without its quotes; `""` unquoted is an empty (omitted) one."""

    text: str
    quoted: bool = False

    @property
    def omitted(self) -> bool:
        """Whether nothing stands between the commas."""
        return not self.text and not self.quoted


class _Required:
    """Stands for "no default": the host must give the parameter."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


class Param:
    """A parameter of a command, declared as a class attribute; its name is the handler's keyword.

    `default`: the value when the host leaves it out; `optional=True` is default None. `doc`: meaning and
    unit. `bad`: situation of a value that does not fit. `supported`: text of `=?` in place of the derived
    one.
    """

    numeric = False
    """A number in the sense of V.250: quotes around it only where the dialect tolerates them."""
    textual = False
    """A string in the sense of V.250: missing quotes only where the dialect tolerates it."""
    passed: ClassVar[bool] = True
    """Whether the handler gets the value."""
    settable: ClassVar[Mapping[str, str]] = {"default": "default", "doc": "doc", "supported": "range_text"}
    """Keys a profile may set, and the attribute each one means."""

    def __init__(
        self,
        *,
        default: Any = REQUIRED,
        optional: bool = False,
        doc: str = "",
        bad: str = BAD_VALUE,
        supported: str | None = None,
    ) -> None:
        self.name = ""
        self.default = None if optional and default is REQUIRED else default
        self.doc = doc
        self.bad = bad
        self.range_text = supported

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def optional(self) -> bool:
        """Whether the host may leave it out."""
        return self.default is not REQUIRED

    def parse(self, token: Token) -> Any:
        """The value of a token; raises `Refusal` with the declared situation."""
        return token.text

    def render(self, value: Any) -> str:
        """The value as a reply shows it; None is an empty field."""
        return "" if value is None else str(value)

    def supported(self) -> str:
        """Its part of the `=?` reply."""
        return self._range() if self.range_text is None else self.range_text

    def situations(self) -> set[str]:
        """The situations in which parsing can refuse."""
        return {self.bad}

    def narrow(self, spec: Spec) -> Self:
        """A copy as a profile wants it; ValueError says what is wrong with the specification."""
        narrowed = copy.copy(self)
        if not isinstance(spec, Mapping):
            narrowed._narrow_range(spec)
            return narrowed
        keys = {**self.settable}
        for key, value in spec.items():
            if key == "optional":
                narrowed.default = None if value else REQUIRED
            elif key == "range":
                narrowed._narrow_range(value)
            elif key in keys:
                setattr(narrowed, keys[key], value)
            else:
                known = ", ".join(sorted({*keys, "optional", "range"}))
                raise ValueError(f"parameter {self.name}: {key!r} is not one of {known}")
        narrowed._check_narrowed(self)
        return narrowed

    def _range(self) -> str:
        return ""

    def _narrow_range(self, spec: str | Sequence[Any]) -> None:
        raise ValueError(
            f"parameter {self.name} ({type(self).__name__}) has no range that {spec!r} could narrow"
        )

    def _check_narrowed(self, declared: Self) -> None:
        """Refuse a copy that would mean more than was declared."""
