from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from reactivex import Subject

from rxphoenix.notebook import NotANotebook, show
from rxphoenix.notebook.show import Shown
from tests.notebook.kernels import kernels, run

# -- what it does, on a display that is only noted -------------------------------------------------------------------


class Cell:
    """A display, as IPython gives one."""

    def __init__(self, value: object) -> None:
        self.shown = [value]
        self.on_update: Callable[[], object] = list

    def update(self, value: object) -> None:
        self.shown.append(value)
        self.on_update()


class Display:
    """What ``IPython.display`` offers."""

    HTML = str

    def __init__(self) -> None:
        self.cells: list[Cell] = []

    def display(self, value: object, *, display_id: bool) -> Cell:
        assert display_id
        self.cells.append(Cell(value))
        return self.cells[-1]


class Info:
    """What a shell tells of a cell that is about to run."""

    def __init__(self, cell_id: str | None) -> None:
        self.cell_id = cell_id


class Shell:
    """A shell with events."""

    def __init__(self) -> None:
        self.callbacks: list[Any] = []
        self.events = self

    def register(self, event: str, callback: Any) -> None:
        assert event == "pre_run_cell"
        self.callbacks.append(callback)

    def unregister(self, event: str, callback: Any) -> None:
        assert event == "pre_run_cell"
        self.callbacks.remove(callback)

    def run(self, cell_id: str | None) -> None:
        for callback in tuple(self.callbacks):
            callback(Info(cell_id))


class Notebook:
    """A cell that shows a stream."""

    def __init__(self, cell: str | None = "1", every: float = 1000.0) -> None:
        self.shell, self.display, self.stream = Shell(), Display(), Subject[Any]()
        self.shown = Shown(self.shell, self.display, lambda value: f"<{value}>", every)
        self.shown.follow(self.stream, cell)

    @property
    def values(self) -> list[Any]:
        return self.display.cells[0].shown[1:]

    @property
    def ending(self) -> list[str]:
        return [repr(each) for each in self.display.cells[1].shown[1:]]


async def test_the_first_value_is_shown_at_once_and_the_latest_in_the_end() -> None:
    notebook = Notebook()
    assert repr(notebook.display.cells[0].shown[0]) == "…"
    for value in range(5):
        notebook.stream.on_next(value)
    assert notebook.values == ["<0>"]
    notebook.stream.on_completed()
    assert notebook.values == ["<0>", "<4>"]
    assert notebook.ending == []
    assert notebook.shell.callbacks == []


async def test_what_comes_meanwhile_is_shown_when_the_time_has_passed() -> None:
    notebook = Notebook(every=0.001)
    notebook.stream.on_next(1)
    notebook.stream.on_next(2)
    notebook.stream.on_next(3)
    shown_again = asyncio.Event()
    notebook.display.cells[0].on_update = shown_again.set
    async with asyncio.timeout(10):
        await shown_again.wait()
    notebook.shown.dispose()
    assert notebook.values == ["<1>", "<3>"]


async def test_an_error_is_shown_below_the_last_value() -> None:
    notebook = Notebook()
    notebook.stream.on_next(1)
    notebook.stream.on_next(2)
    notebook.stream.on_error(ValueError("too warm"))
    assert notebook.values == ["<1>", "<2>"]
    assert notebook.ending == ["ended: ValueError: too warm"]


async def test_it_follows_until_it_is_disposed() -> None:
    notebook = Notebook()
    notebook.shown.dispose()
    notebook.shown.dispose()
    notebook.stream.on_next(1)
    assert notebook.values == []
    assert notebook.stream.observers == []


async def test_it_follows_until_its_cell_is_run_again() -> None:
    notebook = Notebook(cell="1")
    notebook.shell.run("2")
    notebook.shell.run(None)
    notebook.stream.on_next(1)
    notebook.shell.run("1")
    notebook.stream.on_next(2)
    assert notebook.values == ["<1>"]
    unknown = Notebook(cell=None)
    unknown.shell.run(None)
    assert len(unknown.shell.callbacks) == 1
    unknown.shown.dispose()


async def test_a_stream_that_is_over_at_once_leaves_nothing() -> None:
    stream = Subject[Any]()
    stream.on_completed()
    shell = Shell()
    Shown(shell, Display(), str, 1).follow(stream, "1")
    assert shell.callbacks == []


def test_without_a_loop_every_value_is_shown() -> None:
    notebook = Notebook()
    notebook.stream.on_next(1)
    notebook.stream.on_next(2)
    assert notebook.values == ["<1>", "<2>"]
    notebook.shown.dispose()


def test_where_nothing_can_be_displayed_it_says_so() -> None:
    with pytest.raises(NotANotebook, match="call it in a cell"):
        show(Subject[Any]())
    with pytest.raises(ValueError, match="every must be a positive number of seconds, not 0"):
        show(Subject[Any](), every=0)


def test_without_ipython_it_says_so() -> None:
    program = (
        "import sys; sys.modules['IPython'] = None\n"
        "from reactivex import never\nfrom rxphoenix.notebook import NotANotebook, show\n"
        "try:\n    show(never())\nexcept NotANotebook as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "show() displays in a notebook" in done.stdout


# -- in a real kernel ------------------------------------------------------------------------------------------------


@pytest.fixture
def kernel() -> Iterator[BlockingKernelClient]:
    with kernels() as kernel:
        yield kernel


def test_a_notebook_follows_a_socket_until_the_cell_is_run_again(kernel: BlockingKernelClient) -> None:
    setup = """
        from reactivex import Subject, operators as ops
        from rxphoenix.notebook import show
        stream = Subject()
    """
    run(kernel, "a", "\n".join(line.strip() for line in setup.splitlines()))
    begun = run(kernel, "b", "shown = show(stream, every=1e-6)")
    assert [kind for kind, _ in begun] == ["display_data", "display_data"]
    [(kind, data)] = run(kernel, "c", "stream.on_next({'kitchen': 20.5})")
    assert kind == "update_display_data"
    assert "20.5" in data["text/html"]
    run(kernel, "b", "shown = show(stream.pipe(ops.map(str)), every=1e-6)")
    again = run(kernel, "c", "stream.on_next(7)")
    assert [data["text/plain"] for _, data in again] == ["'7'"]  # and not the first display, too
    [(_, data)] = run(kernel, "d", "stream.on_error(ValueError('too warm'))")
    assert data["text/plain"] == "ended: ValueError: too warm"


def test_what_comes_by_itself_is_updated_in_the_name_of_the_cell_that_runs(kernel: BlockingKernelClient) -> None:
    setup = """
        import asyncio
        from reactivex import interval, operators as ops
        from reactivex.scheduler.eventloop import AsyncIOScheduler
        from rxphoenix.notebook import show
        scheduler = AsyncIOScheduler(asyncio.get_running_loop())
        shown = show(interval(0.001, scheduler=scheduler), every=1e-6)
    """
    run(kernel, "a", "\n".join(line.strip() for line in setup.splitlines()))
    shown = run(kernel, "b", "await interval(0.01, scheduler=scheduler).pipe(ops.first())")
    assert {kind for kind, _ in shown} == {"update_display_data"}
    run(kernel, "c", "shown.dispose()")
