"""A command is its own manual page: one declaration gives parsing, ranges, `=?`, replies and errors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal

from modemsim.at.data_mode import DataMode
from modemsim.at.dialect import Dialect
from modemsim.at.param import REQUIRED, Param, Spec, Token
from modemsim.at.result import (
    BAD_TYPE,
    GENERAL,
    MISSING_PARAMETER,
    SURPLUS_PARAMETER,
    WRONG_FORM,
    Final,
    Refusal,
)
from modemsim.at.template import NAME_MARKS, fields, render

Need = Callable[[Any], None]
Template = str | Sequence[str]
Reply = None | str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]]


class Form(StrEnum):
    """The four forms of a command (27.007 calls write "set")."""

    TEST = "test"
    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"


_HANDLED = (Form.READ, Form.WRITE, Form.EXECUTE)


@dataclass(frozen=True)
class Answer:
    """What a handler returns when the plain "reply, then OK" does not fit.

    final: another final line ("SEND OK", "CONNECT"), None for none at all (AT+NRB). then: lines of their own
    behind it ("SEND OK" after the OK). after: called, and awaited, once the last line has left the module (a
    new baud rate, a reset).
    """

    reply: Reply = None
    final: str | None = Final.OK.text
    then: Sequence[str] = ()
    after: Callable[[], Any] | None = None


@dataclass(frozen=True)
class Entry:
    """What a profile says about one command; None and empty mean "as declared".

    forms: the forms this module has. params: parameter -> narrowing. test: literal `=?` reply ("" for a
    bare OK). replies: form -> template. fixed: form -> reply given without calling the handler.
    """

    forms: Sequence[str] | None = None
    params: Mapping[str, Spec] = field(default_factory=dict)
    test: str | None = None
    replies: Mapping[str, Template] = field(default_factory=dict)
    fixed: Mapping[str, Template] = field(default_factory=dict)
    source: str | None = None
    provenance: str | None = None
    delay: str | None = None
    max_response: float | None = None
    group: str | None = None
    multi_line: Literal["block", "framed"] | None = None


@dataclass(frozen=True)
class ParamDoc:
    """One parameter in the generated reference."""

    name: str
    kind: str
    range: str
    default: Any
    optional: bool
    doc: str


@dataclass(frozen=True)
class CommandDoc:
    """One command in the generated reference."""

    name: str
    summary: str
    forms: tuple[str, ...]
    test: str
    params: tuple[ParamDoc, ...]
    errors: tuple[str, ...]
    needs: tuple[str, ...]
    read_needs: tuple[str, ...]
    source: str
    provenance: str
    group: str
    delay: str
    max_response: float
    data_mode: bool
    items: tuple[tuple[str, str], ...] = ()
    """Of a command that sets one of many items: each item's line of `=?`, and what it does."""


class Command:
    """One AT command; subclass it, and the class body is the manual page.

    Parameters are `Param` attributes in the order of the line. Defining `read`, `write` or `execute` (plain
    or async, called as `handler(ue, **values)`) declares the form; basic commands (ATE0) take their number
    in `execute`. `=?` is derived from the parameters, or is `test_reply` ("" for a bare OK). Handlers
    return a reply or an `Answer`: text is shown as it is, mappings through the form's template, by default
    "+NAME: " and the parameters. A handler refuses by raising `Refusal`; `errors` lists the situations.
    `needs` are checked after the parameters for write and execute (before them with `needs_first`),
    `read_needs` for read. With a `data_mode` the handler also gets `data`.
    """

    name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    """Document and section. A profile may override it, like the attributes that follow."""
    provenance: ClassVar[str] = "manual"
    """"manual", "log" (a recording) or "inferred"."""
    group: ClassVar[str] = GENERAL
    """Name of the `ErrorGroup` that words its refusals."""
    max_response: ClassVar[float] = 0.3
    """Upper bound of the final result in seconds, as the vendor states it; never the delay."""
    delay: ClassVar[str] = "command"
    """Name of the timing drawn before the handler runs."""
    multi_line: ClassVar[str | None] = None
    """"block" or "framed" where the layout of several lines differs from the dialect's."""
    needs: ClassVar[tuple[Need, ...]] = ()
    read_needs: ClassVar[tuple[Need, ...]] = ()
    test_needs: ClassVar[tuple[Need, ...] | None] = None
    """Those of `=?`; None: `needs`."""
    needs_first: ClassVar[bool] = False
    errors: ClassVar[tuple[str, ...]] = ()
    data_mode: ClassVar[DataMode | None] = None
    testable: ClassVar[bool] = True
    """Whether an extended command answers `=?`; basic commands never do."""
    test_reply: ClassVar[Template | None] = None
    read_reply: ClassVar[Template | None] = None
    write_reply: ClassVar[Template | None] = None
    execute_reply: ClassVar[Template | None] = None

    test: Any = None
    """A handler for `=?`, only where the reply depends on more than the declaration (AT+COPS=? scans)."""
    read: Any = None
    write: Any = None
    execute: Any = None

    declared: ClassVar[Mapping[str, Param]] = {}
    """The parameters, in order."""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Param)}
        for name in own.keys() & vars(Command).keys():
            raise TypeError(f"command {cls.__name__}: a parameter cannot be called {name}")
        cls.declared = {**cls.declared, **own}
        if not cls.name:
            return
        if not vars(cls).get("__doc__"):
            raise TypeError(f"command {cls.__name__} has no docstring")
        if not cls.source:
            raise TypeError(f"command {cls.__name__} names no source")
        cls._check_handlers()

    @classmethod
    def _check_handlers(cls) -> None:
        """Refuse a class whose handlers cannot take what will be passed to them."""
        passed = {name: None for name, param in cls.declared.items() if param.passed}
        for form in _HANDLED:
            handler = getattr(cls, form)
            if handler is None:
                continue
            values = passed if form is Form.WRITE or (form is Form.EXECUTE and cls.is_basic()) else {}
            if cls.data_mode is not None and form is not Form.READ:
                values = {**values, "data": None}
            try:
                inspect.signature(handler).bind(None, None, **values)
            except TypeError as error:
                raise TypeError(
                    f"command {cls.__name__}: {form} does not fit its parameters: {error}"
                ) from None

    @classmethod
    def is_basic(cls) -> bool:
        """Whether it has V.250 basic syntax (ATE0, AT&F) and not the extended one (AT+CSQ)."""
        return cls.name[0] not in NAME_MARKS

    def __init__(self, entry: Entry | None = None) -> None:
        """One module's instance; ValueError says what in the entry does not fit the declaration."""
        entry = entry or Entry()
        self.entry = entry
        self.params: dict[str, Param] = dict(self.declared)
        for name, spec in entry.params.items():
            if name not in self.params:
                raise ValueError(
                    f"{self.name} has no parameter {name!r}; it has {', '.join(self.params) or 'none'}"
                )
            self.params[name] = self.params[name].narrow(spec)
        self._ordered = tuple(self.params.values())
        self._required = max(
            (at for at, param in enumerate(self._ordered, 1) if not param.optional), default=0
        )
        # The profile's word goes over the class's; the attribute names are those of the class.
        for attribute in ("source", "provenance", "group", "max_response", "delay", "multi_line"):
            said = getattr(entry, attribute)
            setattr(self, attribute, getattr(type(self), attribute) if said is None else said)
        self.fixed = {self._form(form, "fixed"): _as_lines(reply) for form, reply in entry.fixed.items()}
        self.templates: dict[Form, tuple[str, ...]] = self._find_templates(entry)
        self.forms = self._find_forms(entry)
        self.test_text = self._find_test(entry)

    def _form(self, name: str, where: str) -> Form:
        try:
            return Form(name)
        except ValueError:
            raise ValueError(f"{self.name}: {where} has {name!r}; forms are {', '.join(Form)}") from None

    def _find_forms(self, entry: Entry) -> frozenset[Form]:
        possible = {form for form in _HANDLED if getattr(self, form) is not None or form in self.fixed}
        if not self.is_basic() and (self.testable or entry.test is not None or Form.TEST in self.fixed):
            possible.add(Form.TEST)
        if entry.forms is None:
            return frozenset(possible)
        wanted = {self._form(form, "forms") for form in entry.forms}
        if wanted - possible:
            raise ValueError(f"{self.name} has no {', '.join(sorted(wanted - possible))} form")
        return frozenset(wanted)

    def _find_templates(self, entry: Entry) -> dict[Form, tuple[str, ...]]:
        found: dict[Form, tuple[str, ...]] = {}
        for form in _HANDLED:
            template = getattr(self, f"{form}_reply")
            if template is not None:
                found[form] = _as_lines(template)
        for name, template in entry.replies.items():
            found[self._form(name, "replies")] = _as_lines(template)
        for lines in found.values():
            for line in lines:
                fields(line)
        return found

    def _find_test(self, entry: Entry) -> tuple[str, ...]:
        if Form.TEST in self.fixed:
            return self.fixed[Form.TEST]
        literal = self.test_reply if entry.test is None else entry.test
        if literal is None:
            ranges = ",".join(param.supported() for param in self._ordered).rstrip(",")
            literal = f"{self.name}: {ranges}" if ranges and Form.WRITE in self.forms else ""
        return _as_lines(literal)

    def bind(self, tokens: Sequence[Token], dialect: Dialect) -> dict[str, Any]:
        """The handler's values for a line's tokens; counts are checked before values. Raises `Refusal`."""
        given = len(tokens)
        if given > len(self._ordered):
            raise Refusal(SURPLUS_PARAMETER)
        for at, param in enumerate(self._ordered[: self._required]):
            if param.default is REQUIRED and (at >= given or tokens[at].omitted):
                raise Refusal(MISSING_PARAMETER)
        values: dict[str, Any] = {}
        for at, param in enumerate(self._ordered):
            if at >= given or tokens[at].omitted:
                value = param.default
            else:
                if not _quoting_fits(param, tokens[at], dialect):
                    raise Refusal(BAD_TYPE)
                value = param.parse(tokens[at])
            if param.passed:
                values[param.name] = value
        return values

    def data_input(self, ue: Any, values: Mapping[str, Any]) -> DataMode | None:
        """The data mode for these values; override to take data inline (None) or refuse before the prompt."""
        return self.data_mode

    def refused(self, ue: Any, situation: str) -> None:
        """Called after a refusal; override it where the module remembers the reason."""

    def cancelled(self, ue: Any) -> None:
        """Called when the host gave up its data behind the prompt and that is no refusal."""

    def check(self, form: Form, ue: Any) -> None:
        """Raise the `Refusal` of the first need that is not met in this form."""
        needs = self.read_needs if form is Form.READ else self.needs
        if form is Form.TEST and self.test_needs is not None:
            needs = self.test_needs
        for need in needs:
            need(ue)

    def lines(self, form: Form, reply: Reply) -> list[str]:
        """The information lines of a reply."""
        if reply is None or reply == "":
            return []
        if isinstance(reply, str):
            return [reply]
        if isinstance(reply, Mapping):
            return self._show(form, reply)
        return [line for item in reply for line in self.lines(form, item)]

    def _show(self, form: Form, values: Mapping[str, Any]) -> list[str]:
        template = self.templates.get(form)
        if template is not None:
            return [render(line, values) for line in template]
        unknown = values.keys() - self.params.keys()
        if unknown:
            raise ValueError(
                f"{self.name}: the {form} reply has {', '.join(sorted(unknown))} and no template"
            )
        shown = ",".join(param.render(values.get(name)) for name, param in self.params.items())
        return [f"{self.name}: {shown.rstrip(',')}"]

    def situations(self) -> set[str]:
        """Every situation in which it can refuse by its declaration (language situations included)."""
        found = set(self.errors) | {WRONG_FORM}
        if Form.WRITE in self.forms or self.is_basic():
            found.add(SURPLUS_PARAMETER)
            for param in self._ordered:
                found |= param.situations() | (set() if param.optional else {MISSING_PARAMETER})
        return found

    def describe(self) -> CommandDoc:
        """What the generated reference shows."""
        return CommandDoc(
            name=self.name,
            summary=inspect.getdoc(type(self)) or "",
            forms=tuple(form.value for form in Form if form in self.forms),
            test="\n".join(self.test_text),
            params=tuple(
                ParamDoc(
                    name=name,
                    kind=type(param).__name__,
                    range=param.supported(),
                    default=None if param.default is REQUIRED else param.default,
                    optional=param.optional,
                    doc=param.doc,
                )
                for name, param in self.params.items()
            ),
            errors=tuple(sorted(self.situations())),
            needs=tuple(_explain(need) for need in self.needs),
            read_needs=tuple(_explain(need) for need in self.read_needs),
            source=self.source,
            provenance=self.provenance,
            group=self.group,
            delay=self.delay,
            max_response=self.max_response,
            data_mode=self.data_mode is not None,
        )


def _quoting_fits(param: Param, token: Token, dialect: Dialect) -> bool:
    if token.quoted:
        return dialect.quoted_numbers or not param.numeric
    return dialect.unquoted_text or not param.textual


def _as_lines(template: Template) -> tuple[str, ...]:
    if isinstance(template, str):
        return (template,) if template else ()
    return tuple(template)


def _explain(need: Need) -> str:
    return inspect.getdoc(need) or need.__name__
