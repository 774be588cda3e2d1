"""The presence of one join: its states and differences, kept for whoever looks, whenever that is.

While nobody looks, messages are kept as they came, undecoded, until the differences are more than the last state was:
until then they take less room than the roster would. From the first observer on each is taken in when it comes.

What lives here: the messages of presence, and when they are read. What does not: what they say
(``rxphoenix.protocol.roster``), who is told (``presence_view.py``), and the join (``join.py``).

Source: the "Presence" part of the protocol page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rxphoenix.client.context import Context, logger
from rxphoenix.client.join_options import PresenceEvents
from rxphoenix.client.presence_view import Look, PresenceView
from rxphoenix.client.subjects import Subscriber
from rxphoenix.errors import MalformedFrame, PayloadMismatch, PhoenixError
from rxphoenix.protocol.message import Message
from rxphoenix.protocol.roster import PresenceSync, Roster
from rxphoenix.protocol.snapshot import Meta
from rxphoenix.protocol.typed import PayloadType

__all__ = ["Attendance", "Attendances"]

_LEAST_BACKLOG = 64 * 1024
"""Bytes of differences that are always kept as they came, before they are made into a roster."""

_DECODED_SIZE = 1024
"""Bytes that a message counts for at least if somebody else has had it decoded."""

_MOST_EARLY = 4 * 1024 * 1024
"""Bytes of differences that are kept for a state that is still to come."""


class Attendance:
    """The presence of one join under one pair of event names.

    Arguments:
        context: where observers are told.
        topic: the name of the topic.
        events: the names of the events.
    """

    __slots__ = (
        "_backlog", "_backlog_size", "_context", "_early_size", "_event", "_observers", "_roster", "_state_size",
        "_topic", "_views", "events",
    )  # fmt: skip

    def __init__(self, context: Context, topic: str, events: PresenceEvents) -> None:
        self.events = events
        self._context = context
        self._topic = topic
        self._event = events.state
        self._backlog: list[Message | None] = []  # None: the join was lost here
        self._backlog_size = self._state_size = self._early_size = 0
        self._roster: Roster[Meta] | None = None
        self._views: tuple[PresenceView[Any], ...] = ()
        self._observers: dict[Subscriber[Any], Callable[[], None] | None] = {}

    # -- messages ------------------------------------------------------------------------------------------------

    def received(self, message: Message) -> None:
        """A state or a difference has come."""
        if self._views:
            self._tell(message)
            return
        self._backlog.append(message)
        size = _size(message)
        if message.event == self.events.state:
            size, self._state_size = self._state_size, size  # the one before is now worth no more than a difference
        self._backlog_size += size
        if self._backlog_size > _LEAST_BACKLOG and self._backlog_size > self._state_size:
            self._read_backlog()

    def lost(self) -> None:
        """The join was lost."""
        if self._backlog:
            if self._backlog[-1] is not None:
                self._backlog.append(None)
        elif self._roster is not None:
            self._roster.lost()
            self._early_size = 0
            for view in self._views:
                view.roster.lost()
                view.lost()

    def _read_backlog(self) -> Roster[Meta]:
        roster = self._roster
        if roster is None:
            roster = self._roster = Roster()
        backlog, self._backlog, self._backlog_size = self._backlog, [], 0
        for message in backlog:
            if message is None:
                roster.lost()
                self._early_size = 0
            else:
                self._take(roster, message)
        return roster

    def _take(self, roster: Roster[Meta], message: Message) -> list[PresenceSync[Meta]] | None:
        """Take a message in, unless it is one of too many differences that were sent before any state."""
        if message.event == self.events.diff and not roster.synced:
            before = self._early_size
            self._early_size += _size(message)
            if self._early_size > _MOST_EARLY:
                if before <= _MOST_EARLY:
                    self._drop_early(roster)
                return None
        syncs = self._sync(roster, message)
        if roster.synced:
            self._early_size = 0
        return syncs

    def _drop_early(self, roster: Roster[Meta]) -> None:
        for each in (roster, *(view.roster for view in self._views)):
            each.lost()
        error = MalformedFrame(f"more than {_MOST_EARLY} bytes of presence diffs before any state; all are dropped")
        self._context.report(error, topic=self._topic, event=self.events.diff)

    def _sync(self, roster: Roster[Any], message: Message) -> list[PresenceSync[Any]] | None:
        """Take a message in; one that says nothing is reported and dropped."""
        try:
            payload = message.payload
            return roster.sync_state(payload) if message.event == self.events.state else roster.sync_diff(payload)
        except MalformedFrame as error:
            self._context.report(error, topic=self._topic, event=message.event)
            return None

    def _tell(self, message: Message) -> None:
        roster, views = self._read_backlog(), self._views
        self._event = message.event
        syncs = self._take(roster, message)
        if syncs is None:
            return
        # all of them before anybody is told, because who is told may look elsewhere
        told = [(view, syncs if view.roster is roster else self._sync(view.roster, message)) for view in views]
        for view, changes in told:
            if changes:
                view.tell(changes)

    # -- observers -----------------------------------------------------------------------------------------------

    def observe(self, look: Look, subscriber: Subscriber[Any], released: Callable[[], None]) -> None:
        """Take an observer in, as soon as what is being told now has been told; ``released`` when it disposes."""

        def dispose(_subscriber: Subscriber[Any]) -> None:
            end = self._observers.pop(subscriber, None)
            if end is not None:
                end()
                self._views = tuple(view for view in self._views if view.is_observed)
            released()

        self._observers[subscriber] = None
        subscriber.on_dispose = dispose
        self._context.dispatcher.emit(self._begin, look, subscriber)

    def _begin(self, look: Look, subscriber: Subscriber[Any]) -> None:
        if subscriber not in self._observers:  # it has left, or everybody has
            return
        view = self._view(look.type)
        self._observers[subscriber] = view.add(look, subscriber)
        view.tell_newcomer(look, subscriber)

    def _view(self, type: PayloadType[Any] | None) -> PresenceView[Any]:
        for view in self._views:
            if view.type == type:
                return view
        roster = self._read_backlog()
        self._event = self.events.state  # which told of those who are there, or might as well have
        if type is not None:
            roster = roster.read_by(type.from_value, self._report_mismatch)
        view: PresenceView[Any] = PresenceView(self._context, type, roster)
        self._views = (*self._views, view)
        return view

    def _report_mismatch(self, error: PayloadMismatch) -> None:
        self._context.report(error, topic=self._topic, event=self._event)

    def dismiss(self, error: PhoenixError | None) -> None:
        """End all streams, with an error or by completing; nothing is left to be released."""
        observers, self._observers = self._observers, {}
        self._views = ()
        emit = self._context.dispatcher.emit
        for subscriber in observers:
            subscriber.on_dispose = None
            if error is None:
                emit(subscriber.complete)
            else:
                emit(subscriber.error, error)


def _size(message: Message) -> int:
    """How many bytes a payload has as JSON; about so many, if somebody else has had it decoded."""
    raw = message.raw
    return max(len(repr(message.payload)), _DECODED_SIZE) if raw is None else len(raw)


class Attendances:
    """All the presence of one join.

    Arguments:
        context: where observers are told.
        topic: the name of the topic.
        events: the names of the events that are kept from the beginning.
    """

    __slots__ = ("_all", "_context", "_events", "_topic", "by_event")

    def __init__(self, context: Context, topic: str, events: PresenceEvents) -> None:
        self._context = context
        self._topic = topic
        self._events = events
        self._all: tuple[Attendance, ...] = ()
        self.by_event: Mapping[str, tuple[Attendance, ...]] = events.names
        """Who keeps a message, by its event; most channels have no presence, so it is made when the first one comes."""

    def received(self, message: Message) -> None:
        """A message has come whose event is in ``by_event``."""
        if not self._all:
            self._keep(self._events)
        for attendance in self.by_event[message.event]:
            attendance.received(message)

    def _keep(self, events: PresenceEvents) -> Attendance:
        attendance = Attendance(self._context, self._topic, events)
        self._all = (*self._all, attendance)
        names = {name for each in self._all for name in (each.events.state, each.events.diff)}
        self.by_event = {
            name: tuple(each for each in self._all if name in (each.events.state, each.events.diff)) for name in names
        }
        return attendance

    def of(self, events: PresenceEvents, *, is_joined: bool) -> Attendance:
        """The presence under a pair of names; what has come before somebody named them is lost."""
        if not self._all:
            self._keep(self._events)
        for attendance in self._all:
            if attendance.events == events:
                return attendance
        if is_joined:
            logger.warning(
                "topic %r is joined already, without %r: its presence under these names begins with the next join; "
                "give presence_events to the first channel() of the topic that is subscribed",
                self._topic,
                events,
            )
        return self._keep(events)

    def lost(self) -> None:
        """The join was lost."""
        for attendance in self._all:
            attendance.lost()

    def dismiss(self, error: PhoenixError | None) -> None:
        """End all streams, with an error or by completing."""
        for attendance in self._all:
            attendance.dismiss(error)
