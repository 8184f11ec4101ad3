"""Cutting the module's bytes into lines, whatever the pieces they arrive in."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from modemsim.testing.inbox import Inbox, Line


def taken(inbox: Inbox) -> list[str]:
    lines = []
    while (line := inbox.take()) is not None:
        lines.append(line.text)
    return lines


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    whole, pieces = Inbox(), Inbox()
    whole.feed(data, 0.0)
    edges = [0, *sorted(cut for cut in cuts if cut <= len(data)), len(data)]
    for start, end in pairwise(edges):
        pieces.feed(data[start:end], 0.0)
    assert taken(pieces) == taken(whole)
    assert pieces.unfinished() == whole.unfinished()


def test_the_instant_of_a_line_is_that_of_its_end() -> None:
    inbox = Inbox()
    inbox.feed(b"\r\nO", 1.0)
    inbox.feed(b"K", 2.0)
    assert inbox.take() is None
    inbox.feed(b"\r\n", 3.0)
    assert inbox.take() == Line(3.0, "OK")


def test_echoes_are_dropped_once_each_and_in_order() -> None:
    inbox = Inbox()
    inbox.sent(b"AT\r")
    inbox.sent(b"AT+CSQ\r")
    inbox.feed(b"AT\r\r\nOK\r\nAT+CSQ\r\r\nAT\r\nOK\r\n", 0.0)
    assert taken(inbox) == ["OK", "AT", "OK"]


def test_without_echo_a_later_line_is_not_taken_for_one() -> None:
    inbox = Inbox()
    inbox.sent(b"5\r")
    inbox.feed(b"\r\nOK\r\n", 0.0)
    assert taken(inbox) == ["OK"]
    inbox.sent(b"ATI\r")
    inbox.feed(b"\r\n5\r\n", 0.0)
    assert taken(inbox) == ["5"]


def test_the_beginning_of_an_echo_is_no_unfinished_line() -> None:
    inbox = Inbox()
    inbox.sent(b"AT+CSQ\r")
    inbox.feed(b"AT+C", 0.0)
    assert inbox.unfinished() == ""
    inbox.feed(b"X", 0.0)
    assert inbox.unfinished() == "AT+CX"


def test_the_prompt_is_a_line_only_for_who_expects_it() -> None:
    inbox = Inbox()
    inbox.feed(b"\r\n> ", 1.0)
    assert inbox.take() is None
    assert inbox.take("OK") is None
    assert inbox.take(">") == Line(1.0, ">")
    inbox.feed(b"\r\nOK\r\n", 2.0)
    assert taken(inbox) == ["OK"]
