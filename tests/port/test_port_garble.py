"""Characters read at another rate than they were sent."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modemsim.port.garble import garbled

RATES = st.sampled_from((1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 921600))


@given(st.binary(max_size=50), RATES)
def test_at_the_same_rate_nothing_changes(data: bytes, rate: int) -> None:
    assert garbled(data, rate, rate) == garbled(data, rate, rate * 1.02) == data


@given(st.binary(min_size=1, max_size=50), RATES, RATES)
def test_any_two_rates_give_a_number_of_characters_that_fits_the_time(
    data: bytes, sent: int, read: int
) -> None:
    assert len(garbled(data, sent, read)) <= len(data) * max(1.0, read / sent) + 1


def test_garbage_is_what_a_receiver_would_sample() -> None:
    assert garbled(b"AT\r", 9600, 115200) != b"AT\r"
    assert garbled(b"\x00", 9600, 19200)[:1] == b"\x00"
    assert b"AT" not in garbled(b"AT\r" * 20, 115200, 9600)
