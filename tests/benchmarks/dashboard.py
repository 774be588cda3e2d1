"""What two thousand messages a second cost on a page of the dashboard, in a real Chromium.

    python -m tests.benchmarks.dashboard [SECONDS [MESSAGES A SECOND]]

The embedded server, ``rxphoenix dashboard`` and the browser are processes of their own; the page is the one that has
all pieces, and it is seen. What is told, from the first seconds to the last: the age of the newest message on the page,
which is looked at ten times a second; memory and processor time of the dashboard; memory of the page after its garbage
was collected, how many nodes it has, and the processor time of the browser. In the end the page must tell of as many
messages as were sent. It reads /proc, so it runs on Linux.

What lives here: measuring. What does not: judging; ``test_dashboard.py`` only sees to it that this runs.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter, time
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page

from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerSocket
from tests.dashboard.browser import browsers, pages
from tests.house.architecture import ROOT

__all__ = ["Sample", "main", "measured"]

_SLICE = 0.01
_SAMPLES = 6
_PATIENCE = 5.0
_AGE = "row => Date.now() - JSON.parse(row.textContent).at"


class Sample(NamedTuple):
    """What was seen in a part of the time.

    Arguments:
        seconds: since the first message.
        age: median and most milliseconds of the newest message on the page.
        dashboard: megabytes, and the share of a processor.
        page: megabytes of the page's heap.
        nodes: of the document.
        browser: the share of a processor.
    """

    seconds: float
    age: tuple[float, float]
    dashboard: tuple[float, float]
    page: float
    nodes: int
    browser: float


# -- the server's process --------------------------------------------------------------------------------------------


async def _serve(seconds: float, rate: int) -> None:
    """Broadcast so many messages when somebody has pushed, and print how many there were."""
    endpoint = Endpoint()
    begin = asyncio.Event()

    class Flood(ServerChannel[ServerSocket]):
        async def join(self, topic: str, params: Any) -> Any:
            begin.set()
            return {}

    endpoint.socket("/socket", ServerSocket, channels={"room:*": Flood})
    async with PhoenixServer(endpoint) as server:
        print(f"{server.url}/socket", flush=True)  # noqa: T201
        await begin.wait()
        await asyncio.sleep(0.5)
        started, sent = perf_counter(), 0
        while (elapsed := perf_counter() - started) < seconds:
            for number in range(sent, round(elapsed * rate)):
                payload = {"n": number, "at": time() * 1000, "body": "the ferry is late again", "user": "mia"}
                endpoint.broadcast("room:lobby", ("news", "typing", "reading")[number % 3], payload)
            sent = max(sent, round(elapsed * rate))
            await asyncio.sleep(_SLICE)
        print(sent, flush=True)  # noqa: T201
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


# -- processes, as Linux tells of them -------------------------------------------------------------------------------


def _memory(pid: int) -> float:
    """Megabytes of a process."""
    pages_resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages_resident * os.sysconf("SC_PAGE_SIZE") / 1e6


def _processor(pids: Iterator[int]) -> float:
    """Seconds that processes have worked."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _family(name: str) -> Iterator[int]:
    """The processes of this program's family whose command has a name in it."""
    parents: dict[int, int] = {}
    names: dict[int, str] = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            names[int(path.name)] = (path / "comm").read_text()
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    for pid in parents:
        ancestor = pid
        while ancestor > 1 and ancestor != os.getpid():
            ancestor = parents.get(ancestor, 0)
        if ancestor == os.getpid() and name in names[pid]:
            yield pid


# -- measuring -------------------------------------------------------------------------------------------------------


class _Watch:
    """Samples of a page and the processes behind it."""

    def __init__(self, page: Page, client: Any, dashboard: int) -> None:
        self._newest, self._client, self._dashboard = page.locator(".row .text").first, client, dashboard
        self._since = perf_counter()
        self._begun = self._since
        self._worked = self._work()

    def _work(self) -> tuple[float, float]:
        return _processor(iter((self._dashboard,))), _processor(_family("chrom"))

    async def sample(self, seconds: float) -> Sample:
        """Watch for some seconds."""
        ages: list[float] = []
        end = perf_counter() + seconds
        while perf_counter() < end:
            ages.append(await self._newest.evaluate(_AGE))
            await asyncio.sleep(0.1)
        now, worked = perf_counter(), self._work()
        shares = [(after - before) / (now - self._since) for before, after in zip(self._worked, worked, strict=True)]
        await self._client.send("HeapProfiler.collectGarbage")
        metrics = {
            each["name"]: each["value"] for each in (await self._client.send("Performance.getMetrics"))["metrics"]
        }
        self._since, self._worked = perf_counter(), self._work()
        return Sample(
            now - self._begun,
            (median(ages), max(ages)),
            (_memory(self._dashboard), shares[0]),
            metrics["JSHeapUsedSize"] / 1e6,
            int(metrics["Nodes"]),
            shares[1],
        )


async def _start(*arguments: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(sys.executable, "-m", *arguments, cwd=ROOT, stdin=pipe, stdout=pipe)


async def _line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().strip()


async def measured(seconds: float, rate: int, browser: Browser) -> tuple[list[Sample], int, int]:
    """Measure.

    Returns:
        Samples in the order of time, how many messages were sent, and how many the page tells of.
    """
    server = await _start("tests.benchmarks.dashboard", "--serve", str(seconds), str(rate))
    url = await _line(server)
    shown = await _start("rxphoenix", "dashboard", url, "room:lobby", "--port", "0")
    try:
        address = next(word for word in (await _line(shown)).split() if word.startswith("http:"))
        async with pages(browser, address, viewport={"width": 1200, "height": 1600}) as page:
            client = await page.context.new_cdp_session(page)
            await client.send("Performance.enable")
            total = page.locator(".card.message_log .matching")
            await page.locator(".row").first.wait_for()
            watch = _Watch(page, client, shown.pid)
            samples = [await watch.sample((seconds - 1) / _SAMPLES) for _ in range(_SAMPLES)]
            sent = int(await _line(server))
            told, since = "", perf_counter()
            while told != f"{sent:,}" and perf_counter() - since < _PATIENCE:
                now = await total.inner_text()
                told, since = now, since if now == told else perf_counter()
                await asyncio.sleep(0.05)
            return samples, sent, int(told.replace(",", ""))
    finally:
        for process in (shown, server):
            process.terminate()
            await process.communicate()


async def main(seconds: float = 120, rate: int = 2000) -> str:
    """Measure, and return a table."""
    async with browsers() as browser:
        samples, sent, told = await measured(seconds, rate, browser)
    lines = [
        f"{rate:,} messages a second for {seconds:g} s: {sent:,} were sent, and the page tells of {told:,}.",
        "",
        "| after | age of the newest message | dashboard | its processor | page | nodes | browser's processor |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {each.seconds:.0f} s | {each.age[0]:.0f} ms, at most {each.age[1]:.0f} | {each.dashboard[0]:.0f} MB "
        f"| {each.dashboard[1]:.0%} | {each.page:.1f} MB | {each.nodes:,} | {each.browser:.0%} |"
        for each in samples
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(_serve(float(sys.argv[2]), int(sys.argv[3])))
    else:
        seconds, rate = (*sys.argv[1:], *("120", "2000")[len(sys.argv) - 1 :])
        print(asyncio.run(main(float(seconds), int(rate))))  # noqa: T201
