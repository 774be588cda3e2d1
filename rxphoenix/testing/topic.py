"""One topic of a virtual Phoenix: what happens on it, drawn or left to functions.

What lives here: the script of a topic, and its channels as handlers see them. What does not: the server
(``phoenix.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from rxphoenix.protocol.message import Payload, Reply
from rxphoenix.server.effects import Effect
from rxphoenix.server.session import Session
from rxphoenix.testing.drawing import Completed, Drawing, Instant, Next, microseconds
from rxphoenix.testing.presence import Change, VirtualPresence, changes_in
from rxphoenix.testing.printing import can_stand_for_a_value

if TYPE_CHECKING:
    from rxphoenix.testing.phoenix import VirtualPhoenix

__all__ = ["Answers", "SentFrame", "SessionShell", "VirtualChannel", "VirtualTopic"]


class SentFrame(NamedTuple):
    """A message that the client sent, and when.

    Arguments:
        instant: when, in microseconds from the beginning.
        connection: on which connection, counted from 0.
        join_ref: the join that it belongs to.
        ref: the client's name for it.
        topic: the topic.
        event: the name of the event.
        payload: a JSON value or bytes.
    """

    instant: Instant
    connection: int
    join_ref: Any
    ref: Any
    topic: Any
    event: Any
    payload: Payload


class SessionShell(Protocol):
    """What a channel needs of the connection that it is on."""

    phoenix: VirtualPhoenix
    session: Session

    def apply(self, effects: list[Effect]) -> None:
        """Carry out what the session asks for."""
        ...


class VirtualChannel:
    """One client's channel, as handlers see it."""

    def __init__(self, link: SessionShell, number: int, topic: str, params: Payload) -> None:
        self.topic = topic
        """The topic."""
        self.params = params
        """What the client sent with the join."""
        self._link = link
        self._number = number

    def push(self, event: str, payload: Payload) -> None:
        """Push to this client; raises ``UnencodablePayload``."""
        self._link.apply(self._link.session.push(self._number, event, payload))

    def broadcast(self, event: str, payload: Payload) -> None:
        """Push to all who joined the topic; raises ``UnencodablePayload``."""
        self._link.phoenix.topic(self.topic).broadcast(event, payload)

    def crash(self) -> None:
        """Let the channel crash: the client is told ``phx_error``."""
        self._link.apply(self._link.session.crash(self._number))

    def close(self) -> None:
        """End the channel on purpose: the client is told ``phx_close``."""
        self._link.apply(self._link.session.stop(self._number))


JoinHandler: TypeAlias = Callable[[VirtualChannel, Payload], Reply | None]
Handler: TypeAlias = Callable[[VirtualChannel, Payload], Reply | None]


class Answers:
    """The drawings of answers that are still to be used, one for each question."""

    def __init__(self) -> None:
        self._waiting: deque[Drawing] = deque()

    def add(self, drawings: Iterable[Drawing]) -> None:
        """Add drawings of anything."""
        self._waiting.extend(drawings)

    def add_single(self, drawings: Iterable[Drawing]) -> None:
        """Add drawings of which each shows one answer, or none."""
        checked = tuple(drawings)
        for drawing in checked:
            if len(drawing.marks) > 1 or any(isinstance(mark, Completed) for mark in drawing.marks):
                raise ValueError("the drawing of an answer shows one value or '#', or nothing: never answered")
        self.add(checked)

    def next(self) -> Drawing | None:
        """The drawing for the next question, ``None`` if none is left."""
        return self._waiting.popleft() if self._waiting else None


class VirtualTopic:
    """One topic of a virtual Phoenix: what happens on it, and what the client sent to it."""

    def __init__(self, phoenix: VirtualPhoenix, topic: str) -> None:
        self.topic = topic
        """The topic."""
        self._phoenix = phoenix
        self._joins = Answers()
        self._join_handler: JoinHandler | None = None
        self._replies: dict[str, Answers] = {}
        self._handlers: dict[str, Handler] = {}
        self._greetings: list[tuple[str, Drawing]] = []
        self._states = Answers()
        self._presence: VirtualPresence | None = None

    @property
    def sent(self) -> list[SentFrame]:
        """What the client sent to this topic, joins and leaves included, in order."""
        return [frame for frame in self._phoenix.sent if frame.topic == self.topic]

    # -- answers -------------------------------------------------------------------------------------------------

    def joins(self, *drawings: str, values: Mapping[str, Any] | None = None) -> None:
        """Draw how the next joins go, one drawing each, from the instant at which the server gets to it.

        Arguments:
            drawings: a value accepts, ``#`` crashes the join, an empty drawing never answers. As on a real server
                a join that is not answered keeps the whole connection waiting; ``"11s j"`` answers late.
            values: what a character accepts with, ``{}`` if it is not there; ``Reply("error", ...)`` refuses.

        Example:
            ```python
            from rxphoenix import Reply
            from rxphoenix.testing import marbles

            with marbles() as m:
                phoenix = m.phoenix()
                phoenix.topic("room:1").joins("--r", "j", values={"r": Reply("error", {"reason": "full"})})
                channel = phoenix.socket(retry_refused=lambda attempt, error: 0.005).channel("room:1")
                m.expect(channel.pipe()).to_be("-------")
                m.expect_frames(phoenix).to_be("a------a", {"a": "phx_join"})
        ```
        """
        self._joins.add_single(self._phoenix.read(drawing, _answers_in(drawing, values)) for drawing in drawings)

    def handle_join(self, handler: JoinHandler) -> JoinHandler:
        """Answer joins with a function of (channel, params); it returns a ``Reply``, or ``None`` for "ok" with ``{}``.

        Returns:
            The function, so that this can be a decorator.
        """
        self._join_handler = handler
        return handler

    def replies(self, event: str, *drawings: str, values: Mapping[str, Any] | None = None) -> None:
        """Draw how the next pushes of an event are answered, one drawing each, from the instant of the push.

        Arguments:
            event: the name of the event.
            drawings: a value replies, ``#`` crashes the channel, an empty drawing never replies.
            values: what a character replies, ``{}`` if it is not there; a ``Reply`` for another status than "ok".
        """
        answers = self._replies.setdefault(event, Answers())
        answers.add_single(self._phoenix.read(drawing, _answers_in(drawing, values)) for drawing in drawings)

    def handle(self, event: str, handler: Handler) -> Handler:
        """Answer pushes of an event with a function of (channel, payload), after ``replies_after``.

        Arguments:
            event: the name of the event.
            handler: returns a ``Reply``, or ``None`` for none; what it raises, the test does.

        Returns:
            The function.

        Example:
            ```python
            from rxphoenix import Reply
            from rxphoenix.testing import marbles

            with marbles() as m:
                phoenix = m.phoenix(replies_after=0.003)
                phoenix.topic("room:1").handle("double", lambda channel, number: Reply("ok", 2 * number))
                m.expect(phoenix.socket().channel("room:1").push("double", 21)).to_be("---(a|)", {"a": 42})
            ```
        """
        self._handlers[event] = handler
        return handler

    # -- what the server does of itself --------------------------------------------------------------------------

    def pushes(self, event: str, drawing: str, values: Mapping[str, Any] | None = None) -> None:
        """Draw what the server pushes to each client that has joined by then, from now on; see ``broadcasts``."""
        self._phoenix.play(drawing, values, lambda payload: self.push(event, payload))

    def broadcasts(self, event: str, drawing: str, values: Mapping[str, Any] | None = None) -> None:
        """Draw what the server broadcasts to the topic, from now on.

        Arguments:
            event: the name of the event.
            drawing: a value at each instant.
            values: the payloads; a character that is not there stands for itself.
        """
        self._phoenix.play(drawing, values, lambda payload: self.broadcast(event, payload))

    def greets(self, event: str, drawing: str, values: Mapping[str, Any] | None = None) -> None:
        """Draw what the server pushes after each accepted join, from the instant of its answer; see ``broadcasts``."""
        self._greetings.append((event, self._phoenix.read(drawing, values)))

    def presence(self, drawing: str, values: Mapping[str, Change | Sequence[Change]] | None = None) -> None:
        """Draw how the presence of others changes, from now on; whoever joins gets the ``presence_state``.

        Arguments:
            drawing: a value at each instant; an empty drawing for a topic where nobody is.
            values: what characters stand for: ``Track``, ``Update`` or ``Untrack``, or several of them in one diff.

        Raises:
            MarbleSyntaxError: there is a mistake in the drawing.
            ValueError: a value is no change of the presence.

        Example:
            ```python
            from rxphoenix.testing import Track, Untrack, marbles

            with marbles() as m:
                phoenix = m.phoenix()
                phoenix.topic("room:1").presence("--b--x", {"b": Track("bob", {"tab": 1}), "x": Untrack("bob")})
                bob = {"bob": {"metas": [{"tab": 1, "phx_ref": "1"}]}}
                diffs = phoenix.socket().channel("room:1").on("presence_diff")
                m.expect(diffs).to_be("--b--x", {"b": {"joins": bob, "leaves": {}}, "x": {"joins": {}, "leaves": bob}})
            ```
        """
        presence = self._present()
        for mark in self._phoenix.read(drawing, values).marks:
            if isinstance(mark, Next) and not changes_in(mark.value):
                raise ValueError(f"{mark.symbol!r} means nothing here: give Track, Update or Untrack for it in values")
        self._phoenix.play(drawing, values, lambda value: presence.change(*changes_in(value)))

    def states(self, *drawings: str) -> None:
        """Draw when the ``presence_state`` comes after each of the next accepted joins, one drawing each.

        Without a drawing the state comes with the reply. From a real server a diff may come before it.

        Arguments:
            drawings: a value sends the state as it is then, an empty drawing never does.

        Raises:
            MarbleSyntaxError: there is a mistake in a drawing.
            ValueError: a drawing shows more than one value.
        """
        self._present()
        read = [self._phoenix.read(drawing, None) for drawing in drawings]
        for drawing in read:
            if len(drawing.marks) > 1 or not all(isinstance(mark, Next) for mark in drawing.marks):
                raise ValueError("the drawing of a state shows one value, or nothing: it never comes")
        self._states.add(read)

    def crashes(self, drawing: str) -> None:
        """Draw when the channel crashes, from now on: a value at each instant."""
        self._phoenix.play(drawing, None, lambda _value: self.crash())

    def closes(self, drawing: str) -> None:
        """Draw when the server ends the channel on purpose, from now on: a value at each instant."""
        self._phoenix.play(drawing, None, lambda _value: self.close())

    def push(self, event: str, payload: Payload = None) -> None:
        """Push to each client that has joined, now."""
        for channel in self._phoenix.channels_of(self.topic):
            channel.push(event, {} if payload is None else payload)

    def broadcast(self, event: str, payload: Payload = None) -> None:
        """Broadcast to the topic, now."""
        for link in self._phoenix.links():
            link.apply(link.session.broadcast(self.topic, event, {} if payload is None else payload))

    def change(self, *changes: Change) -> None:
        """Change the presence, now, and tell it in one diff; see ``presence``."""
        self._present().change(*changes)

    def crash(self) -> None:
        """Let the channel crash, now: the client is told ``phx_error``."""
        for channel in self._phoenix.channels_of(self.topic):
            channel.crash()

    def close(self) -> None:
        """End the channel on purpose, now: the client is told ``phx_close``."""
        for channel in self._phoenix.channels_of(self.topic):
            channel.close()

    # -- what the links ask --------------------------------------------------------------------------------------

    def join_answer(self, channel: VirtualChannel) -> tuple[Instant, Reply | None] | None:
        """How a join goes: after how long, and with which answer; a reply ``None`` crashes, ``None`` never answers."""
        drawing = self._joins.next()
        if drawing is not None:
            return _answer_of(drawing)
        reply = None if self._join_handler is None else self._join_handler(channel, channel.params)
        return microseconds(self._phoenix.joins_after), reply or Reply("ok", {})

    def push_answer(self, channel: VirtualChannel, event: Any, payload: Payload) -> tuple[Instant, Reply | None] | None:
        """How a push goes, as ``join_answer``."""
        answers = self._replies.get(event)
        drawing = None if answers is None else answers.next()
        if drawing is not None:
            return _answer_of(drawing)
        handler = self._handlers.get(event)
        if handler is None:
            return microseconds(self._phoenix.replies_after), Reply("ok", {})
        reply = handler(channel, payload)
        return None if reply is None else (microseconds(self._phoenix.replies_after), reply)

    def greet(self, channel: VirtualChannel) -> None:
        """Push what is drawn for each accepted join, the presence first."""
        if self._presence is not None:
            push_state = partial(self._presence.push_state, channel.push)
            drawing = self._states.next()
            if drawing is None:
                push_state()
            elif drawing.marks:
                self._phoenix.scheduler.after(drawing.marks[0].instant, push_state)
        for event, drawing in self._greetings:
            for mark in drawing.marks:
                if isinstance(mark, Next):
                    self._phoenix.scheduler.after(mark.instant, partial(channel.push, event, mark.value))

    def _present(self) -> VirtualPresence:
        if self._presence is None:
            self._presence = VirtualPresence(self.topic, self.broadcast)
        return self._presence

    def __repr__(self) -> str:
        return f"<VirtualTopic {self.topic!r}>"


def _answers_in(drawing: str, values: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """A value that nobody explains accepts with an empty map, as most applications do."""
    return {**{character: {} for character in drawing if can_stand_for_a_value(character)}, **(values or {})}


def _answer_of(drawing: Drawing) -> tuple[Instant, Reply | None] | None:
    match drawing.marks:
        case (Next(instant, value), *_):
            return instant, value if isinstance(value, Reply) else Reply("ok", value)
        case (mark, *_):
            return mark.instant, None
        case _:
            return None
