"""A piece of a page: an instrument as something that Panel shows.

Theory of operation. A piece watches while at least one page shows it: from when Panel makes its model to when the
session of that page ends. Looks go to the page as JSON, one at a time: the next one is sent when the page has drawn the
last and has said so. So a browser that is slow, or a tab that nobody looks at, gets fewer looks, never a queue of them;
what is counted does not depend on it. A page to which nothing new has come for a while says again what it has drawn; if
that is not what was sent last, it was lost, and a look is sent again.

What lives here: showing, and that pace. What does not: what is shown (``instruments``), and how it looks
(``assets/pieces.js``).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import Context
from importlib.resources import files
from typing import Any

import msgspec
import param
from panel.custom import JSComponent
from reactivex import abc

from rxphoenix.dashboard.instruments.instrument import Instrument, Look

__all__ = ["Piece"]

_assets = files("rxphoenix.dashboard") / "assets"


class Piece(JSComponent):
    """A piece of a page, to be put wherever Panel puts things: a layout, a template, a cell of a notebook.

    It watches while a page shows it, and no longer. It is made by a function of this package, such as ``message_log``;
    make it anew for each page, as Panel does with a function that it is given to serve.
    """

    kind: str = param.String(doc="Which piece it is; the page draws it by that.")  # pyright: ignore[reportAssignmentType]
    look: str = param.String(doc="How it looks, as JSON.")  # pyright: ignore[reportAssignmentType]

    _esm = f"const CSS = {json.dumps((_assets / 'pieces.css').read_text('utf-8'))};\n" + (
        _assets / "pieces.js"
    ).read_text("utf-8")

    def __init__(self, kind: str, instrument: Instrument, **params: Any) -> None:
        settings = {"sizing_mode": "stretch_width", "margin": 6, **params}
        super().__init__(kind=kind, **settings)  # pyright: ignore[reportUnknownMemberType]
        self._instrument = instrument
        self._watching: abc.DisposableBase | None = None
        self._latest: Look | None = None
        self._last: Look | None = None
        self._sent = self._drawn = 0

    def _get_model(self, *given: Any, **named: Any) -> Any:
        if self._watching is None:
            self._sent = self._drawn = 0
            self._watching = _apart(lambda: self._instrument.looks().subscribe(self._on_look))
        return super()._get_model(*given, **named)

    def _cleanup(self, root: Any = None) -> None:
        super()._cleanup(root)
        if self._watching is not None and not self._models:  # pyright: ignore[reportUnknownMemberType]
            self._watching.dispose()
            self._watching = None

    def _on_look(self, look: Look) -> None:
        self._latest = look
        self._send()

    def _send(self) -> None:
        if self._latest is None or self._drawn < self._sent:
            return
        self._sent += 1
        content = _json(self._latest)
        self._latest, self._last = None, self._latest
        self.look = f'{{"number":{self._sent},"look":{content}}}'

    def _handle_msg(self, data: Any) -> None:
        match data:
            case {"drawn": int(number), "again": True} if number < self._sent:
                self._drawn = self._sent
                self._latest = self._latest or self._last
                _apart(self._send)
            case {"drawn": int(number)}:
                self._drawn = max(self._drawn, min(number, self._sent))
                _apart(self._send)
            case {} if self._watching is not None:
                _apart(lambda: self._instrument.told(data))
            case _:
                pass


def _json(look: Look) -> str:
    try:
        return msgspec.json.encode(look).decode()
    except UnicodeEncodeError:  # half a character, which a browser can send and JSON can escape
        return json.dumps(msgspec.to_builtins(look))


def _apart(action: Callable[[], Any]) -> Any:
    """Do something in a context of its own, not in that of a page.

    What begins there, a connection for instance, would keep the page alive as long as itself; and a change that is made
    there goes to all pages in the same way: when it is their turn.
    """
    return Context().run(action)
