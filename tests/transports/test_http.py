"""What is the same of HTTP for every transport: when to come back, and words without addresses."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rxphoenix.transports.http import retry_after_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, None), ("0", 0), ("120", 120), (" 7 ", 7), ("-1", None), ("1.5", None), ("soon", None), ("", None),
     ("²", None), ("9" * 400, None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("Wed, 99 Oct 2015", None)],
)  # fmt: skip
def test_retry_after_is_a_number_of_seconds_or_a_date_or_nothing(header: str | None, seconds: float | None):
    assert retry_after_seconds(header, "Wed, 21 Oct 2026 07:28:00 GMT") == seconds


@pytest.mark.parametrize("zone", [" GMT", "", " -0000", " +0000"])
def test_a_date_counts_from_the_servers_own_clock_and_is_one_of_greenwich(zone: str):
    assert retry_after_seconds("Wed, 21 Oct 2026 07:38:00" + zone, "Wed, 21 Oct 2026 07:28:00 GMT") == 600
    assert retry_after_seconds("Wed, 21 Oct 2026 07:38:00" + zone, None) is None


@given(st.text(), st.text())
@example("Wed, 21 Oct 99999999999999999999 07:38:00 GMT", "")
@example("Wed, 99 Oct 2026 07:38:00 GMT", "Wed, 21 Oct 0000 07:28:00 GMT")
def test_no_retry_after_breaks_it(header: str, now: str):
    for date in (now, "Wed, 21 Oct 2026 07:28:00 GMT"):
        seconds = retry_after_seconds(header, date)
        assert seconds is None or 0 <= seconds < float("inf")
