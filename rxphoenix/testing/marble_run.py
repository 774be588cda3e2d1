"""Running a marble file: its lanes are laid out in a world of virtual time, and what comes of it is compared.

The lanes under ``given``: ``phoenix TOPIC`` (what the server does on a topic), ``joins TOPIC`` and
``replies EVENT@TOPIC`` (how one join or push is answered, one lane for each), ``connects`` (how one attempt goes),
``drops`` and ``hangs`` (when the link is lost, or falls silent), ``hot NAME`` and ``cold NAME`` (observables of that
name).

The lanes under ``then``: ``observed``, ``sent`` (frames, heartbeats left out), ``state`` (of the socket),
``channel TOPIC`` (its state) and ``subscriptions NAME``.

The names under ``when``: ``socket``, ``channel``, ``scheduler``, ``ops`` and ``rx`` (RxPY's operators and creation
functions), and the observables of ``hot`` and ``cold`` lanes.

The names under ``where``: ``event(name, payload)``, ``crash`` and ``close`` for ``phoenix`` lanes; ``lost(code)`` and
``refused(status)`` for the link; ``reply(status, response)`` for answers; ``message(event, payload)`` for what a
channel emits; ``error(name, ...)`` for errors of the tree.

What lives here: what the words of a marble file mean. What does not: its text (``marble_file.py``), and what an
expression may do (``expression.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, cast

import reactivex
from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import errors
from rxphoenix.client.socket import Socket
from rxphoenix.errors import ConnectionLost, ConnectionRefused, PhoenixError
from rxphoenix.protocol.message import Message, Payload, Reply
from rxphoenix.testing.drawing import Drawing
from rxphoenix.testing.expectations import ColdObservable, HotObservable
from rxphoenix.testing.expression import ForbiddenExpression, evaluate
from rxphoenix.testing.marble_file import ExpressionText, Lane, MarbleFile
from rxphoenix.testing.notation import MarbleSyntaxError, parse, parse_subscription
from rxphoenix.testing.phoenix import VirtualPhoenix
from rxphoenix.testing.svg import Lane as DrawnLane
from rxphoenix.testing.svg import Note, Operator, svg
from rxphoenix.testing.world import World

__all__ = ["figure", "run"]


@dataclass(frozen=True, slots=True)
class _Event:
    """What a server does on a topic: broadcast an event."""

    name: str
    payload: Payload

    def __repr__(self) -> str:
        return f"event({self.name!r}, {self.payload!r})"


class _Act:
    """What a server does to a channel: crash it, or close it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


CRASH, CLOSE = _Act("crash"), _Act("close")


@dataclass(frozen=True, slots=True)
class _AnyMessage:
    """A message as a drawing compares it: without the refs, which are the client's business."""

    event: str
    payload: Payload

    def __repr__(self) -> str:
        return f"message({self.event!r}, {self.payload!r})"


def _public(module: Any, names: list[str]) -> SimpleNamespace:
    """Only what a module says is its own, so that no expression reaches what it imported."""
    return SimpleNamespace(**{name: getattr(module, name) for name in names if not name.startswith("_")})


_OPERATORS = _public(ops, list(ops.__all__))
_CREATORS = _public(
    reactivex,
    ["combine_latest", "concat", "empty", "interval", "merge", "never", "of", "return_value", "throw", "timer", "zip"],
)


def _error(name: str, *arguments: Any, **options: Any) -> PhoenixError:
    kind = getattr(errors, name, None)
    if name not in errors.__all__ or not isinstance(kind, type):
        raise ValueError(f"there is no error {name!r} in the tree of rxphoenix")
    return cast("Callable[..., PhoenixError]", kind)(*arguments, **options)


def _event(name: str, payload: Payload = None) -> _Event:
    return _Event(name, {} if payload is None else payload)


def _lost(code: int | None = None, reason: str = "") -> ConnectionLost:
    return ConnectionLost(reason, code=code)


def _refused(status: int | None = None, reason: str = "") -> ConnectionRefused:
    return ConnectionRefused(reason, status=status)


_VALUES: Mapping[str, Any] = {
    "close": CLOSE,
    "crash": CRASH,
    "error": _error,
    "event": _event,
    "lost": _lost,
    "message": _AnyMessage,
    "refused": _refused,
    "reply": Reply,
}


def run(file: MarbleFile) -> None:
    """Run a marble file.

    Arguments:
        file: the file, read.

    Raises:
        MarbleFileError: a lane or an expression cannot be used; the message shows the place.
        MarbleFailure: what happened is not what is drawn.

    Example:
        ```python
        from rxphoenix.testing.marble_file import read
        from rxphoenix.testing.marble_run import run

        run(read('''An event of a topic.

        given
          phoenix  room:a  ---n--
        when
          channel("room:a").on("news")
        then
          observed         ---p--
          sent             j
        where
          n = event("news", {"body": "hello"})
          p = {"body": "hello"}
          j = "phx_join"
        '''))
        ```
    """
    world = World()
    with world.active():
        _Stage(file, world).play()
        world.finish()


class _Stage:
    """One run of one file."""

    def __init__(self, file: MarbleFile, world: World) -> None:
        self._file = file
        self._world = world
        self._values = {symbol: self._evaluate(text, _VALUES) for symbol, text in file.values.items()}
        self._observables: dict[str, ColdObservable | HotObservable] = {}

    def _evaluate(self, text: ExpressionText, names: Mapping[str, Any]) -> Any:
        try:
            return evaluate(text.source, names)
        except ForbiddenExpression as error:
            raise self._file.mistake(text.line, text.column + error.column, error.problem) from None
        except Exception as error:
            problem = f"the expression raised {type(error).__name__}: {error}"
            raise self._file.mistake(text.line, text.column, problem) from error

    def play(self) -> None:
        options: dict[str, Any] = {"heartbeat_interval": None}
        if self._file.options is not None:
            options.update(self._evaluate(self._file.options, {}))
        phoenix = self._world.phoenix()
        socket = phoenix.socket(**options)
        for lane in self._file.given:
            self._at(lane, lambda lane=lane: self._give(phoenix, lane))
        observable = self._when(socket)
        # what only watches comes first, so that it sees what the subscription causes
        for lane in sorted(self._file.then, key=lambda lane: lane.kind == "observed"):
            self._at(lane, lambda lane=lane: self._expect(phoenix, socket, observable, lane))

    def drawn(self, lane: Lane) -> DrawnLane:
        """A lane as a picture shows it."""
        drawn: list[DrawnLane] = []

        def draw() -> None:
            label = f"{lane.kind} {lane.name}".strip()
            if lane.kind == "subscriptions":
                subscribed, disposed = parse_subscription(lane.drawing)
                drawn.append(DrawnLane(label, Drawing((), subscribed=subscribed, disposed=disposed)))
            else:
                drawn.append(DrawnLane(label, parse(lane.drawing, self._values, self._drawn_error())))

        self._at(lane, draw)
        return drawn[0]

    def _at(self, lane: Lane, action: Callable[[], None]) -> None:
        """Do something with a lane; a mistake in its drawing is pointed at in the file."""
        try:
            action()
        except MarbleSyntaxError as error:
            problem = f"{error.problem}; expected {error.expected}"
            raise self._file.mistake(lane.line, lane.column + error.offset, problem) from None
        except ValueError as error:
            raise self._file.mistake(lane.line, lane.column, str(error)) from None

    def _give(self, phoenix: VirtualPhoenix, lane: Lane) -> None:
        drawing, values = lane.drawing, self._values
        match lane.kind:
            case "phoenix":
                topic = phoenix.topic(lane.name)

                def act(value: Any) -> None:
                    if isinstance(value, _Event):
                        topic.broadcast(value.name, value.payload)
                    elif value is CRASH:
                        topic.crash()
                    else:
                        topic.close()

                for mark in parse(drawing, values, kind="cold").marks:
                    if not isinstance(getattr(mark, "value", None), (_Event, _Act)):
                        raise ValueError("a phoenix lane shows values that are event(...), crash or close")
                phoenix.play(drawing, values, act)
            case "joins":
                phoenix.topic(lane.name).joins(drawing, values=values)
            case "replies":
                event, _, topic_name = lane.name.partition("@")
                phoenix.topic(topic_name).replies(event, drawing, values=values)
            case "connects":
                phoenix.connects(drawing, values=values)
            case "drops":
                phoenix.drops(drawing, values)
            case "hangs":
                phoenix.hangs(drawing)
            case _:
                make = self._world.hot if lane.kind == "hot" else self._world.cold
                self._observables[lane.name] = make(drawing, values, self._drawn_error())

    def _when(self, socket: Socket) -> Observable[Any]:
        names: dict[str, Any] = {
            "channel": socket.channel,
            "ops": _OPERATORS,
            "rx": _CREATORS,
            "scheduler": self._world.scheduler,
            "socket": _WithoutSend(socket),
            **self._observables,
        }
        observable = self._evaluate(self._file.expression, names)
        if not isinstance(observable, Observable):
            expression = self._file.expression
            problem = f"expected an observable, this is {observable!r}"
            raise self._file.mistake(expression.line, expression.column, problem)
        return cast("Observable[Any]", observable)

    def _drawn_error(self) -> Exception | None:
        error = self._values.get("#")
        return error if isinstance(error, Exception) else None

    def _expect(self, phoenix: VirtualPhoenix, socket: Socket, observable: Observable[Any], lane: Lane) -> None:
        drawing, values = lane.drawing, self._values
        match lane.kind:
            case "observed":
                subscribed = self._file.subscribed
                comparable = observable.pipe(ops.map(_comparable))
                expectation = self._world.expect(comparable, "^" if subscribed is None else subscribed.drawing)
                expectation.to_be(drawing, values, self._drawn_error())
            case "sent":
                self._world.expect_frames(phoenix).to_be(drawing, values)
            case "state":
                self._world.expect(socket.state.pipe(ops.map(str))).to_be(drawing, values)
            case "channel":
                self._world.expect(socket.channel(lane.name).state.pipe(ops.map(str))).to_be(drawing, values)
            case _:
                if lane.name not in self._observables:
                    raise ValueError(f"there is no hot or cold lane {lane.name!r}")
                self._world.expect_subscriptions(self._observables[lane.name]).to_be(drawing)


class _WithoutSend:
    """A socket as an expression may see it: its streams, and what it can be asked for."""

    def __init__(self, socket: Socket) -> None:
        self.state, self.messages, self.errors, self.latency = (
            socket.state, socket.messages, socket.errors, socket.latency,
        )  # fmt: skip
        self.opened, self.ping, self.channel, self.wait_closed = (
            socket.opened, socket.ping, socket.channel, socket.wait_closed,
        )  # fmt: skip


def _comparable(value: Any) -> Any:
    return _AnyMessage(value.event, value.payload) if isinstance(value, Message) else value


def figure(file: MarbleFile) -> str:
    """Draw a marble file as SVG: its given lanes, its expression, its expected lanes.

    Arguments:
        file: the file, read.

    Raises:
        MarbleFileError: a drawing or a value cannot be read.

    Example:
        ```python
        from rxphoenix.testing.marble_file import read
        from rxphoenix.testing.marble_run import figure

        picture = figure(read('''The same.

        given
          hot  n  -a-
        when
          n
        then
          observed  -a-
        '''))
        assert picture.startswith("<svg")
        ```
    """
    stage = _Stage(file, World())
    rows: list[DrawnLane | Operator | Note] = [stage.drawn(lane) for lane in file.given]
    rows.append(Operator(file.expression.source))
    rows += [stage.drawn(lane) for lane in file.then]
    return svg(rows, title=file.title)
