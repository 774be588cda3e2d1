"""The official client plays a scenario: it lives in ``world.cjs``, and its timers are on our clock.

Each thing that happens to it is one question; the answer says what it did and when it wants to be woken.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_plus

import msgspec
from reactivex import abc

from tests.official.client import Program
from tests.official.play import Play
from tests.official.scenario import Refuse, Scenario, UserStep
from tests.official.server import Data

__all__ = ["OfficialPlay"]

_TOKEN = "base64url.bearer.phx."


class OfficialPlay(Play):
    """The official client in one scenario.

    Arguments:
        scenario: what happens.
        program: the running ``world.cjs``.
    """

    def __init__(self, scenario: Scenario, program: Program) -> None:
        super().__init__(scenario)
        self._program = program
        self._lines: dict[int, _Line] = {}
        self._requests: dict[int, _Request] = {}
        self._timer: abc.DisposableBase | None = None
        options = msgspec.to_builtins(msgspec.structs.replace(scenario.options, rxphoenix={}))
        self.ask("begin", options | {"closes_after": scenario.server.closes_after})

    def ask(self, what: str, given: Any = None) -> None:
        """Let something happen to the client."""
        wall = self.scheduler.now.timestamp() * 1000
        answer = self._program.ask({"at": self.now, "wall": wall, "what": what, "given": given})
        if self._timer is not None:
            self._timer.dispose()
            self._timer = None
        if answer["next"] is not None:
            self._timer = self.scheduler.at(round(answer["next"] * 1000), lambda: self.ask("wake"))
        for happened in answer["happened"]:
            self._note(happened)

    def _note(self, happened: dict[str, Any]) -> None:
        match happened:
            case {"told": words}:
                self.trace.tell(self.now, words)
            case {"connect": number, "url": url, "protocols": protocols}:
                line = self._lines[number] = _Line(self, number)
                token = None if protocols is None else _decoded(protocols[1].removeprefix(_TOKEN))
                self.server.connect(line, unquote_plus(_query(url)).lstrip("&"), token)
            case {"send": number, "text": text}:
                self.server.took(self._lines[number], text)
            case {"send": number, "bytes": encoded}:
                self.server.took(self._lines[number], base64.b64decode(encoded))
            case {"drop": _}:
                self.trace.drop(self.now)
            case {"close": _, "code": code, "reason": reason}:
                self.trace.close(self.now, code, reason)
            case {"request": number, "method": method, "url": url, "headers": headers, "body": body}:
                request = self._requests[number] = _Request(self, number, method, _query(url), headers, body)
                self.polling.take(request)
            case {"abort": number}:
                self._requests[number].is_over = True
            case _:
                raise AssertionError(happened)

    def take(self, step: UserStep) -> None:
        """Let the user do something."""
        self.ask("step", msgspec.to_builtins(step))

    def end(self) -> None:
        """The world is forgotten when the next one begins."""


def _query(url: str) -> str:
    return url.partition("?")[2]


def _decoded(token: str) -> str:
    return base64.b64decode(token + "=" * (-len(token) % 4)).decode()


class _Line:
    """A WebSocket of the official client."""

    def __init__(self, play: OfficialPlay, number: int) -> None:
        self._play = play
        self._number = number

    def opened(self) -> None:
        self._play.ask("opened", self._number)

    def refused(self, refusal: Refuse) -> None:
        self.lost(1006, "")

    def received(self, data: Data) -> None:
        text, encoded = (data, None) if isinstance(data, str) else (None, base64.b64encode(data).decode())
        self._play.ask("received", {"line": self._number, "text": text, "bytes": encoded})

    def lost(self, code: int, reason: str) -> None:
        self._play.ask("lost", {"line": self._number, "code": code, "reason": reason})


class _Request:
    """An XMLHttpRequest of the official client."""

    def __init__(
        self, play: OfficialPlay, number: int, method: str, query: str, headers: Mapping[str, str], body: str
    ) -> None:
        self._play = play
        self._number = number
        self.method = method
        self.query = query
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.is_over = False

    def answer(self, http: int, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> None:
        text = "an error page" if body is None else msgspec.json.encode(body).decode()
        self._play.ask("answered", {"request": self._number, "text": text})
