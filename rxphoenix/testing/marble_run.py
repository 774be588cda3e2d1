"""Running a marble file: its lanes are laid out in a world of virtual time, and what comes of it is compared.

The lanes under ``given``: ``phoenix TOPIC`` (what the server does on a topic), ``joins TOPIC`` and
``replies EVENT@TOPIC`` (how one join or push is answered, one lane for each), ``connects`` (how one attempt goes),
``longpoll`` (how one goes on that way, which ``"transport": fallback(after)`` under ``options`` takes),
``drops`` and ``hangs`` (when the link is lost, or falls silent), ``writes`` (frames that come as they are), ``machine``
(when it sleeps, or is blocked), ``hot NAME`` and ``cold NAME`` (observables of that name). ``server`` gives
options of ``m.phoenix()``; it does not mind silence unless told otherwise.

The lanes under ``when``: ``subscribed`` (with the name of the stream, if there are several) and ``calls`` (what is done
to the socket by hand). ``options`` are those of the socket, without heartbeats unless told otherwise.

The lanes under ``then``: ``observed`` (with the name of the stream, if there are several), ``sent`` (frames, heartbeats
left out), ``frames`` (heartbeats included), ``state`` (of the socket), ``channel TOPIC`` (its state), ``errors`` (what
``socket.errors`` reports), ``attempts`` (to connect, with params, token and way) and ``subscriptions NAME``.

What lives here: what the lanes of a marble file mean. What does not: its text (``marble_file.py``), the words in its
expressions (``marble_words.py``), and what it looks like (``marble_figure.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from reactivex import Observable
from reactivex import operators as ops

from rxphoenix.client.socket import Socket
from rxphoenix.testing.drawing import Completed, Next
from rxphoenix.testing.drawn import ColdObservable, HotObservable
from rxphoenix.testing.marble_bridges import bridge_words
from rxphoenix.testing.marble_file import ExpressionText, Lane, MarbleFile, MarbleFileError, StreamText
from rxphoenix.testing.marble_lanes import Lanes
from rxphoenix.testing.marble_words import (
    OPTIONS,
    STREAMS,
    Act,
    Call,
    Event,
    Pause,
    SocketFace,
    comparable,
)
from rxphoenix.testing.phoenix import VirtualPhoenix
from rxphoenix.testing.world import World
from rxphoenix.transports.fallback import Fallback

__all__ = ["run"]


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
    world = World(file.frame)
    stage = _Stage(file, world)
    try:
        with world.active():
            stage.play()
            world.finish()
    finally:
        for trespass in stage.trespasses:
            raise trespass from None


class _Stage:
    """One run of one file."""

    def __init__(self, file: MarbleFile, world: World) -> None:
        self._file = file
        self._world = world
        self._lanes = Lanes(file)
        self._observables: dict[str, ColdObservable | HotObservable] = {}

    def play(self) -> None:
        file, lanes = self._file, self._lanes
        phoenix = self._phoenix()
        socket = self._socket(phoenix)
        for lane in file.given:
            lanes.at(lane, lambda lane=lane: self._give(phoenix, lane))
        if file.calls is not None:
            lanes.at(file.calls, lambda: self._call(phoenix, socket))
        observables = [self._stream(stream, socket) for stream in file.streams]
        # what only watches comes first, so that it sees what the subscriptions cause
        for lane in file.then:
            if lane.kind != "observed":
                lanes.at(lane, lambda lane=lane: self._expect(phoenix, socket, lane))
        for stream, observable in zip(file.streams, observables, strict=True):
            self._observe(stream, observable)

    @property
    def trespasses(self) -> list[MarbleFileError]:
        """What expressions have tried and may not."""
        return self._lanes.trespasses

    def _observe(self, stream: StreamText, observable: Observable[Any]) -> None:
        lanes, expression = self._lanes, stream.expression
        wanted = next((lane for lane in self._file.then if (lane.kind, lane.name) == ("observed", stream.name)), None)
        if wanted is None:
            missing = f"observed {stream.name}".strip()
            raise self._file.mistake(expression.line, expression.column, f"there is no lane {missing!r} for this")
        subscribed = stream.subscribed
        drawing = "^" if subscribed is None else subscribed.drawing
        name = self._name_of(wanted)
        expectation = lanes.at(subscribed or wanted, lambda: self._world.expect(observable, drawing, name=name))
        lanes.at(wanted, lambda: expectation.to_be(wanted.drawing, lanes.values, lanes.error))

    def _options(self, text: ExpressionText | None, names: Mapping[str, Any]) -> dict[str, Any]:
        if text is None:
            return {}
        options = self._lanes.evaluate(text, names)
        if not isinstance(options, dict):
            raise self._file.mistake(text.line, text.column, f"expected options in braces, not {options!r}")
        return cast("dict[str, Any]", options)

    def _phoenix(self) -> VirtualPhoenix:
        options: dict[str, Any] = {"idle_timeout": None, **self._options(self._file.server, {})}
        return self._made(self._file.server, lambda: self._world.phoenix(**options))

    def _socket(self, phoenix: VirtualPhoenix) -> Socket:
        def fallback(after: float) -> Fallback:
            return Fallback(phoenix, phoenix.longpoll, after=after)

        text = self._file.options
        options = {"heartbeat_interval": None, **self._options(text, {**OPTIONS, "fallback": fallback})}
        return self._made(text, lambda: phoenix.socket(**options))

    def _made(self, text: ExpressionText | None, make: Callable[[], Any]) -> Any:
        if text is None:
            return make()
        try:
            return make()
        except (TypeError, ValueError) as error:
            raise self._file.mistake(text.line, text.column, str(error)) from None

    def _give(self, phoenix: VirtualPhoenix, lane: Lane) -> None:
        drawing, values = lane.drawing, self._lanes.values
        match lane.kind:
            case "phoenix":
                topic = phoenix.topic(lane.name)
                acts = {"crash": topic.crash, "close": topic.close}
                self._check(phoenix, lane, (Event, Act), "event(...), crash or close")

                def act(value: Any) -> None:
                    if isinstance(value, Event):
                        topic.broadcast(value.name, value.payload)
                    else:
                        acts[repr(value)]()

                phoenix.play(drawing, values, self._acting(lane, act))
            case "joins":
                phoenix.topic(lane.name).joins(drawing, values=values)
            case "replies":
                event, _, topic_name = lane.name.partition("@")
                phoenix.topic(topic_name).replies(event, drawing, values=values)
            case "connects" | "longpoll":
                # "o" opens, whatever else a file calls so
                faults = {symbol: value for symbol, value in values.items() if isinstance(value, (Exception, int))}
                way = phoenix if lane.kind == "connects" else phoenix.longpoll
                way.connects(drawing, values=faults)
            case "drops":
                phoenix.drops(drawing, values)
            case "hangs":
                phoenix.hangs(drawing)
            case "writes":
                phoenix.writes(drawing, values)
            case "machine":
                self._check(phoenix, lane, (Pause,), "suspend(seconds) or block(seconds)")
                phoenix.play(drawing, values, self._acting(lane, lambda pause: pause.perform(self._world)))
            case _:
                make = self._world.hot if lane.kind == "hot" else self._world.cold
                self._observables[lane.name] = make(drawing, values, self._lanes.error)

    def _call(self, phoenix: VirtualPhoenix, socket: Socket) -> None:
        lane = self._file.calls
        assert lane is not None
        self._check(phoenix, lane, (Call,), "connect(), disconnect(), reconnect() or close_socket()")
        phoenix.play(lane.drawing, self._lanes.values, self._acting(lane, lambda call: call.perform(socket)))

    def _acting(self, lane: Lane, action: Callable[[Any], object]) -> Callable[[Any], None]:
        """An action of a lane, for its instant; what it raises then is pointed at in the file."""

        def act(value: Any) -> None:
            try:
                action(value)
            except Exception as error:
                problem = f"{value!r} raised {type(error).__name__}: {error}"
                raise self._file.mistake(lane.line, lane.column, problem) from error

        return act

    def _check(self, phoenix: VirtualPhoenix, lane: Lane, kinds: tuple[type, ...], words: str) -> None:
        values = self._lanes.values
        for mark in phoenix.read(lane.drawing, values).marks:
            shown = mark.symbol if isinstance(mark, Next) else "|" if isinstance(mark, Completed) else "#"
            if not isinstance(getattr(mark, "value", None), kinds):
                what = f"{shown!r} stands for {values[shown]!r}" if shown in values else f"{shown!r} has no value"
                raise ValueError(f"a {lane.kind} lane shows values that are {words}; {what}")

    def _stream(self, stream: StreamText, socket: Socket) -> Observable[Any]:
        names: dict[str, Any] = {
            **STREAMS,
            **bridge_words(self._world.scheduler),
            "channel": socket.channel,
            "scheduler": self._world.scheduler,
            "socket": SocketFace(socket),
            **self._observables,
        }
        observable = self._lanes.evaluate(stream.expression, names)
        if not isinstance(observable, Observable):
            expression = stream.expression
            problem = f"expected an observable, this is {observable!r}"
            raise self._file.mistake(expression.line, expression.column, problem)
        return cast("Observable[Any]", observable).pipe(ops.map(comparable))

    def _expect(self, phoenix: VirtualPhoenix, socket: Socket, lane: Lane) -> None:
        drawing, values, name = lane.drawing, self._lanes.values, self._name_of(lane)
        match lane.kind:
            case "sent" | "frames":
                self._world.expect_frames(phoenix, name=name).to_be(drawing, values, heartbeats=lane.kind == "frames")
            case "state":
                self._world.expect(socket.state.pipe(ops.map(str)), name=name).to_be(drawing, values)
            case "channel":
                states = socket.channel(lane.name).state.pipe(ops.map(str))
                self._world.expect(states, name=name).to_be(drawing, values)
            case "errors":
                self._world.expect(socket.errors.pipe(ops.map(comparable)), name=name).to_be(drawing, values)
            case "attempts":
                self._world.expect_attempts(phoenix, name=name).to_be(drawing, values)
            case _:
                if lane.name not in self._observables:
                    raise ValueError(f"there is no hot or cold lane {lane.name!r}")
                self._world.expect_subscriptions(self._observables[lane.name]).to_be(drawing)

    def _name_of(self, lane: Lane) -> str:
        """What a failure calls a lane."""
        words = f"{lane.kind} {lane.name}".strip()
        return f"{self._file.path}:{lane.line}: the lane {words!r}"
