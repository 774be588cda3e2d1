"""Who is present on a topic, as streams: the list, one key, the size, who joins and who leaves.

What lives here: what a user holds. What does not: how the roster comes about (``rxphoenix.protocol.roster``), and how
it is kept by the join (``attendance.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rxphoenix.client.checks import check_function
from rxphoenix.client.context import Context
from rxphoenix.client.join import Join
from rxphoenix.client.leased import ChannelOptions, Leased
from rxphoenix.client.presence_view import Look, Part
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.client.topic import Topics
from rxphoenix.protocol.roster import PresenceChange
from rxphoenix.protocol.snapshot import PresenceEntry, PresenceSnapshot, PresenceState
from rxphoenix.protocol.typed import PayloadType

__all__ = ["Presence"]

_M = TypeVar("_M")
_R = TypeVar("_R")
_T = TypeVar("_T")


class _PresencePart(Leased[_T], Generic[_T]):
    """One way of looking at the presence of a topic; cold, a lease of the channel."""

    def __init__(
        self,
        context: Context,
        topics: Topics,
        options: ChannelOptions,
        look: Look,
        make: Callable[[Any], _T] | None = None,
    ) -> None:
        super().__init__(context, topics, options)
        self._look = look
        self._make = make

    def _observe(self, join: Join, subscriber: Subscriber[_T]) -> None:
        make = self._make
        if make is not None:
            receive = subscriber.on_next
            subscriber.on_next = lambda value: receive(make(value))
        join.observe_presence(self._options.join.presence, self._look, subscriber)

    def __repr__(self) -> str:
        part, key = self._look.part, self._look.key
        return f"<Presence of {self._topic!r}: {f'of({key!r})' if part is Part.KEY else part.value}>"


class Presence(_PresencePart[PresenceSnapshot[_M]], Generic[_M]):
    """Who is present on a topic: a snapshot of the list at once, and a new one with each message of the server.

    All of it is cold: each stream here is a lease of the channel, and ends as the channel's do. The join keeps the
    roster, so whoever comes late finds it complete. While the join is lost the last snapshot stands; after a rejoin
    the server tells who is there now, and only true differences are told as joins and leaves.

    What is told of one message comes in this order: ``joins``, ``leaves``, ``of``, ``size``, the lists, ``synced``.
    ``on_message`` of a channel does not see what presence is made of.

    ```text
    phoenix room:a  --s--x--y--z
                    channel("room:a").presence().list_by(lambda key, entry: key)
    subscribed      ^-------------!
    observed        --a--b--c--d
    sent            j-------------l
    s = event("presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}, "bob": {"metas": [{"phx_ref": "2"}]}})
    x = event("presence_diff", {"joins": {"cem": {"metas": [{"phx_ref": "3"}]}}, "leaves": {}})
    y = event("presence_diff", {"joins": {}, "leaves": {"ann": {"metas": [{"phx_ref": "1"}]}}})
    z = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "4"}]}}, "leaves": {}})
    a = ("ann", "bob")   b = ("ann", "bob", "cem")   c = ("bob", "cem")   d = ("bob", "cem", "ann")
    j = "phx_join"   l = "phx_leave"
    ```
    Marbles: `marbles/presence.marble`

    ```text
    phoenix room:a    --s--x----y
                      lease = channel("room:a").on("news")
                      late = channel("room:a").presence().list_by(lambda key, entry: key)
                      joins = channel("room:a").presence().joins.pipe(ops.map(lambda change: change.key))
    subscribed lease  ^------------!
    subscribed late   -------^-----!
    subscribed joins  -------^-----!
    observed lease    -
    observed late     -------a--b
    observed joins    ----------c
    sent              j------------l
    s = event("presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}})
    x = event("presence_diff", {"joins": {"bob": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
    y = event("presence_diff", {"joins": {"cem": {"metas": [{"phx_ref": "3"}]}}, "leaves": {}})
    a = ("ann", "bob")   b = ("ann", "bob", "cem")   c = "cem"   j = "phx_join"   l = "phx_leave"
    ```
    Marbles: `marbles/presence-late.marble`

    Example:
        ```python
        from reactivex import operators as ops
        from rxphoenix.testing import Track, Untrack, marbles

        with marbles() as m:
            phoenix = m.phoenix()
            phoenix.topic("room:1").presence("--b--x", {"b": Track("bob"), "x": Untrack("bob")})
            presence = phoenix.socket().channel("room:1").presence()
            m.expect(presence.list_by(lambda key, entry: key)).to_be("n-y--n", {"n": (), "y": ("bob",)})
            m.expect(presence.leaves.pipe(ops.map(lambda change: change.key))).to_be("-----x", {"x": "bob"})
        ```
    """

    def __init__(self, context: Context, topics: Topics, options: ChannelOptions, type: PayloadType[_M] | None) -> None:
        super().__init__(context, topics, options, Look(type, Part.LIST))
        self._type = type

    def _part(self, part: Part, key: str = "", make: Callable[[Any], _T] | None = None) -> Stream[_T]:
        return _PresencePart(self._context, self._topics, self._options, Look(self._type, part, key), make)

    def list_by(self, chooser: Callable[[str, PresenceEntry[_M]], _R]) -> Stream[tuple[_R, ...]]:
        """The list, as a function makes it; cold.

        Arguments:
            chooser: ``(key, entry) -> value``, called for every entry of every list.

        Returns:
            A stream of tuples, in the order of the list. A chooser that raises is reported on ``socket.errors``, and
            that list left out.

        Raises:
            TypeError: ``chooser`` cannot be called with a key and an entry, or is an ``async def`` function.

        ```text
        phoenix room:a    --x--s
                          keys = channel("room:a").presence().list_by(lambda key, entry: key)
                          joins = channel("room:a").presence().joins.pipe(ops.map(lambda change: change.key))
        subscribed keys   ^------!
        subscribed joins  ^------!
        observed keys     -----k
        observed joins    -----(ab)
        x = event("presence_diff", {"joins": {"bob": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
        s = event("presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}})   k = ("ann", "bob")   a = "ann"
        b = "bob"
        ```
        Marbles: `marbles/presence-before-the-state.marble`
        """
        check_function("chooser", chooser, "key", "entry")

        def choose(snapshot: PresenceSnapshot[_M]) -> tuple[_R, ...]:
            return tuple([chooser(entry.key, entry) for entry in snapshot])

        return self._part(Part.LIST, make=choose)

    @property
    def state(self) -> Stream[PresenceState[_M]]:
        """The list as mappings of keys to entries; cold.

        ```text
        phoenix room:a  --s--x
                        channel("room:a").presence().state.pipe(ops.map(lambda state: "bob" in state))
        subscribed      ^------!
        observed        --a--b
        s = event("presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}})
        x = event("presence_diff", {"joins": {"bob": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
        a = False   b = True
        ```
        Marbles: `marbles/presence-state.marble`
        """
        return self._part(Part.LIST, make=PresenceState[_M])

    def of(self, key: str) -> Stream[PresenceEntry[_M] | None]:
        """One key: its entry, or ``None`` while it is absent; cold. It emits how it is, then only when that changes.

        Arguments:
            key: the key; any string.

        Raises:
            TypeError: the key is no string.

        ```text
        phoenix room:a  --s--x--y--z
                        channel("room:a").presence().of("ann").pipe(ops.map(lambda ann: ann and ann.metas))
        subscribed      ^------------!
        observed        --n-----a--n
        s = event("presence_state", {})
        x = event("presence_diff", {"joins": {"bob": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
        y = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "1"}]}}, "leaves": {}})
        z = event("presence_diff", {"joins": {}, "leaves": {"ann": {"metas": [{"phx_ref": "1"}]}}})
        a = ({"phx_ref": "1"},)   n = None
        ```
        Marbles: `marbles/presence-of.marble`
        """
        if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"the key must be a string, as those of the server are, not {key!r}")
        return self._part(Part.KEY, key)

    @property
    def size(self) -> Stream[int]:
        """How many keys are present; cold. It emits how many there are, then only when that changes.

        ```text
        phoenix room:a  --s--x--y--z
                        channel("room:a").presence().size
        subscribed      ^------------!
        observed        --1-----2--1
        s = event("presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}})
        x = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
        y = event("presence_diff", {"joins": {"bob": {"metas": [{"phx_ref": "3"}]}}, "leaves": {}})
        z = event("presence_diff", {"joins": {}, "leaves": {"bob": {"metas": [{"phx_ref": "3"}]}}})   1 = 1
        2 = 2
        ```
        Marbles: `marbles/presence-size.marble`
        """
        return self._part(Part.SIZE)

    @property
    def joins(self) -> Stream[PresenceChange[_M]]:
        """Who joins, from the subscription on; cold.

        A first device has ``current`` None; a further one has the presence before it there.

        ```text
        phoenix room:a     --s--x--y--z--w
                           joins = channel("room:a").presence().joins
                               .pipe(ops.map(lambda change: (change.key, change.current is None)))
                           leaves = channel("room:a").presence().leaves
                               .pipe(ops.map(lambda change: (change.key, change.current.metas == ())))
        subscribed joins   ^----------------!
        subscribed leaves  ^----------------!
        observed joins     -----a--b
        observed leaves    -----------b--a
        s = event("presence_state", {})
        x = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "1"}]}}, "leaves": {}})
        y = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
        z = event("presence_diff", {"joins": {}, "leaves": {"ann": {"metas": [{"phx_ref": "1"}]}}})
        w = event("presence_diff", {"joins": {}, "leaves": {"ann": {"metas": [{"phx_ref": "2"}]}}})
        a = ("ann", True)   b = ("ann", False)
        ```
        Marbles: `marbles/presence-joins-and-leaves.marble`
        """
        return self._part(Part.JOINS)

    @property
    def leaves(self) -> Stream[PresenceChange[_M]]:
        """Who leaves, from the subscription on; cold.

        After the last device ``current.metas`` is empty; after one of several it holds the others. Who only changes
        joins and leaves in one message.

        ```text
        phoenix room:a     --s--x--y--z--w
                           joins = channel("room:a").presence().joins
                               .pipe(ops.map(lambda change: (change.key, change.current is None)))
                           leaves = channel("room:a").presence().leaves
                               .pipe(ops.map(lambda change: (change.key, change.current.metas == ())))
        subscribed joins   ^----------------!
        subscribed leaves  ^----------------!
        observed joins     -----a--b
        observed leaves    -----------b--a
        s = event("presence_state", {})
        x = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "1"}]}}, "leaves": {}})
        y = event("presence_diff", {"joins": {"ann": {"metas": [{"phx_ref": "2"}]}}, "leaves": {}})
        z = event("presence_diff", {"joins": {}, "leaves": {"ann": {"metas": [{"phx_ref": "1"}]}}})
        w = event("presence_diff", {"joins": {}, "leaves": {"ann": {"metas": [{"phx_ref": "2"}]}}})
        a = ("ann", True)   b = ("ann", False)
        ```
        Marbles: `marbles/presence-joins-and-leaves.marble`
        """
        return self._part(Part.LEAVES)

    @property
    def synced(self) -> Stream[bool]:
        """Whether the list is what the server has; cold.

        False until the first state, and from the loss of a join to the state of the next. It emits how it is, then the
        changes.

        ```text
        phoenix room:a     --s---------------------t
        drops              -----z
                           keys = channel("room:a").presence().list_by(lambda key, entry: key)
                           joins = channel("room:a").presence().joins
                               .pipe(ops.map(lambda change: (change.key, change.resync)))
                           leaves = channel("room:a").presence().leaves
                               .pipe(ops.map(lambda change: (change.key, change.resync)))
                           synced = channel("room:a").presence().synced
        subscribed keys    ^ 30ms !
        subscribed joins   ^ 30ms !
        subscribed leaves  ^ 30ms !
        subscribed synced  ^ 30ms !
        observed keys      --k 21ms m
        observed joins     --(ab) 18ms c
        observed leaves    -- 22ms d
        observed synced    n-y--n 18ms y
        s = event("presence_state", {"ann": {"metas": [{"phx_ref": "1"}]}, "bob": {"metas": [{"phx_ref": "2"}]}})
        t = event("presence_state", {"bob": {"metas": [{"phx_ref": "2"}]}, "cem": {"metas": [{"phx_ref": "3"}]}})
        k = ("ann", "bob")   m = ("bob", "cem")   a = ("ann", False)   b = ("bob", False)
        c = ("cem", True)   d = ("ann", True)   y = True   n = False
        ```
        Marbles: `marbles/presence-resync.marble`
        """
        return self._part(Part.SYNCED)
