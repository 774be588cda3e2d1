"""A display that follows a stream, in place, while other cells run.

What lives here: displaying, and when it ends. What does not: what is shown for a value (``rendering.py``).
"""

from __future__ import annotations

import asyncio
from contextvars import Context
from importlib import import_module
from typing import Any, TypeVar

from reactivex import Observable, abc

from rxphoenix import PhoenixError
from rxphoenix.notebook.rendering import Render, rendered

__all__ = ["NotANotebook", "Shown", "show"]

_T = TypeVar("_T")


class NotANotebook(PhoenixError, RuntimeError):
    """``show`` was called where nothing can be displayed."""

    def __init__(self) -> None:
        super().__init__("show() displays in a notebook: call it in a cell of Jupyter or VS Code, or subscribe instead")


class Shown(abc.DisposableBase):
    """A display that follows a stream; dispose it to let it stand as it is."""

    def __init__(self, shell: Any, display: Any, render: Render, every: float) -> None:
        self._shell = shell
        self._display = display
        self._render = render
        self._every = every
        self._latest: Any = None
        self._is_behind = False
        self._timer: asyncio.TimerHandle | None = None
        self._over = False
        self._cell: str | None = None
        self._subscription: abc.DisposableBase | None = None
        self._handle: Any = None
        self._ending: Any = None

    def follow(self, observable: Observable[Any], cell: str | None) -> None:
        """Subscribe; called once."""
        self._cell = cell
        # now, so that what comes later finds this cell, whichever runs then
        self._handle = self._display.display(_Text("…"), display_id=True)
        self._ending = self._display.display(self._display.HTML(""), display_id=True)
        self._shell.events.register("pre_run_cell", self._on_cell)
        subscription = observable.subscribe(self._on_next, self._on_error, self._on_completed)
        if self._over:
            subscription.dispose()
        self._subscription = subscription

    def dispose(self) -> None:
        """Follow the stream no longer, with the last value on display; idempotent."""
        if self._over:
            return
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._is_behind:
            self._update()
        self._shell.events.unregister("pre_run_cell", self._on_cell)
        if self._subscription is not None:
            self._subscription.dispose()

    def _on_cell(self, info: Any) -> None:
        """A cell is run; if it is ours, what it shows begins anew."""
        if self._cell is not None and getattr(info, "cell_id", None) == self._cell:
            self.dispose()

    def _on_next(self, value: Any) -> None:
        self._latest, self._is_behind = value, True
        if self._timer is None:
            self._update()
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return  # nobody counts the time here, so each value is shown
            self._timer = loop.call_later(self._every, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        if self._is_behind:
            self._on_next(self._latest)

    def _update(self) -> None:
        self._is_behind = False
        _update(self._handle, self._render(self._latest))

    def _on_error(self, error: Exception) -> None:
        self.dispose()
        _update(self._ending, _Text(f"ended: {type(error).__name__}: {error}"))

    def _on_completed(self) -> None:
        self.dispose()


def _update(handle: Any, content: Any) -> None:
    """Display something in the place of what was there, in the name of the cell that runs now.

    What comes by itself comes in the context of the cell that began it, and a kernel would send it in that cell's name:
    who runs a notebook without a person listens to the cell that runs, and would miss it.
    """
    Context().run(handle.update, content)


class _Text:
    """Words of ours, shown without the quotes of a string."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def show(observable: Observable[_T], render: Render | None = None, *, every: float = 0.1) -> Shown:
    """Display the latest value of a stream, in place, while other cells go on.

    It is subscribed at once. The display follows until the stream ends, until the result is disposed, or until its cell
    is run again. An error of the stream is shown below. It needs no extension, and works where nobody looks: a notebook
    that is executed keeps the last value.

    Arguments:
        observable: the stream.
        render: makes of a value what is displayed: text, a ``Table``, a figure of matplotlib, anything that a notebook
            can show. By default lists of presence, lists of mappings and mappings are tables, and the rest is left to
            the notebook.
        every: seconds between two updates; of what comes meanwhile, the latest value is shown.

    Returns:
        The display, a disposable.

    Raises:
        NotANotebook: no notebook is there.
        ValueError: ``every`` is not a positive number of seconds.

    Example:
        ```python
        from rxphoenix import Socket
        from rxphoenix.notebook import NotANotebook, show

        async with Socket("ws://localhost:4000/socket") as socket:
            try:
                shown = show(socket.channel("sensor:kitchen").on("reading"))  # in a cell of a notebook
            except NotANotebook as error:
                print(error)
        ```
    """
    if not every > 0:
        raise ValueError(f"every must be a positive number of seconds, not {every!r}")
    try:
        ipython = import_module("IPython")
        display = import_module("IPython.display")
    except ImportError:
        raise NotANotebook from None
    shell: Any = ipython.get_ipython()
    if shell is None:
        raise NotANotebook
    shown = Shown(shell, display, rendered if render is None else render, every)
    shown.follow(observable, _cell_of(shell))
    return shown


def _cell_of(shell: Any) -> str | None:
    """The id of the cell that runs, where the front end tells it."""
    parent: dict[str, Any] = shell.get_parent() if hasattr(shell, "get_parent") else {}
    metadata: dict[str, Any] = parent.get("metadata", {})
    cell = metadata.get("cellId")
    return cell if isinstance(cell, str) else None
