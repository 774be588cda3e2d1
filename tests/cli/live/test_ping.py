"""Round trips, as a process."""

from __future__ import annotations

import re

from rxphoenix.cli.live.ping import summary
from tests.cli.conftest import Start
from tests.cli.live.conftest import House


async def test_it_measures_and_sums_up(house: House, start: Start):
    counted, endless = await start("ping", house.url, "-c", "2"), await start("ping", house.url)
    await endless.line("1: ")
    assert await endless.interrupt() == (0, "")
    assert await counted.end() == (0, "")
    assert [re.sub(r"\d+\.\d\d", "N", line) for line in counted.lines] == [
        f"ping {house.url}",
        "1: N ms",
        "2: N ms",
        "2 sent, 2 answered, min/median/max = N/N/N ms",
    ]
    assert endless.lines[-1].startswith("1 sent, 1 answered, ")


def test_the_summary():
    assert summary(3, []) == "3 sent, 0 answered"
    assert summary(4, [0.003, 0.001, 0.0045]) == "4 sent, 3 answered, min/median/max = 1.00/3.00/4.50 ms"
