"""The figures of the dashboard are made."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks.dashboard import main


@pytest.mark.may_leave("threads", reason="asyncio waits on some for processes, and they end with those")
async def test_the_page_tells_of_all_that_was_sent() -> None:
    lines = (await main(seconds=2, rate=500)).splitlines()
    counts = re.findall(r"([\d,]+) were sent, and the page tells of ([\d,]+)\.", lines[0])
    assert [sent == told for sent, told in counts] == [True]
    assert len(lines) == 10
