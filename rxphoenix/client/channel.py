"""What a user holds for a topic: streams, pushes, leaving.

A channel is a cheap handle; everything that it stands for is kept by the socket while something lives there. Two
handles made by equal calls are interchangeable.

What lives here: the public face of a topic. What does not: joining (``join.py``), pushing (``push.py``), waiting for
a join (``hold.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from rxphoenix.client.audience import Typing
from rxphoenix.client.channel_state import ChannelStateView
from rxphoenix.client.checks import check_event, check_seconds
from rxphoenix.client.hold import Hold
from rxphoenix.client.joined import Joined
from rxphoenix.client.leased import Events, Joins, Messages
from rxphoenix.client.presence import Presence
from rxphoenix.client.push import (
    Push,
    PushOptions,
    expect_nothing,
    reply_of,
    response_as,
    response_of,
)
from rxphoenix.client.single import Single
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.errors import SocketClosed
from rxphoenix.protocol.message import Payload, Reply, is_reserved
from rxphoenix.protocol.serializer import BYTES_LIKE
from rxphoenix.protocol.snapshot import Meta
from rxphoenix.protocol.typed import PayloadType

if TYPE_CHECKING:
    from typing import Literal, overload

    from rxphoenix.client.socket import Socket
else:
    from typing import overload

__all__ = ["Channel"]

_T = TypeVar("_T")


class Channel(Messages):
    """A topic as a cold observable of its messages: subscribing joins, disposing leaves.

    It emits the application's messages, never ``phx_*``. All subscriptions to a topic share one join. It survives lost
    connections and crashes of the channel by joining again; it completes when the server ends the channel on
    purpose, by ``leave()`` and by ``close()``, and errors with ``JoinRefused``, ``TakenOver``, ``RejoinGivenUp``,
    ``ReconnectGivenUp`` or ``SocketClosed``.

    ```text
    phoenix room:a  ------n--n--n
                    channel("room:a").on("news")
    subscribed      ^---------!
    observed        ------p--p-
    sent            j---------l
    channel room:a  (cgd)-----c
    n = event("news", {"body": "hello"})   p = {"body": "hello"}   j = "phx_join"   l = "phx_leave"
    c = "closed"   g = "joining"   d = "joined"
    ```
    Marbles: `marbles/join-and-leave.marble`

    Example:
        ```python
        from reactivex import operators as ops
        from rxphoenix import Socket

        async with Socket("ws://localhost:4000/socket") as socket:
            channel = socket.channel("sensor:kitchen")
            readings = channel.pipe(ops.map(lambda message: message.payload["celsius"]), ops.take(2), ops.to_list())
            print(await readings)
        ```
    """

    @property
    def socket(self) -> Socket:
        """The socket that it is a channel of."""
        return self._topics.socket

    @property
    def topic(self) -> str:
        """The topic."""
        return self._options.topic

    @property
    def state(self) -> ChannelStateView:
        """The state of the channel: ``closed``, ``joining``, ``joined``, ``errored`` or ``leaving``; passive.

        ```text
        joins room:a       --a
        joins room:a       -a
        drops              -----x
                           watched = channel("room:a").state
                           stream = channel("room:a")
        subscribed stream  -^ 24ms !
        observed watched   cg-d-e---------gd 9ms c
        observed stream    -
        a = {}   c = "closed"   g = "joining"   d = "joined"   e = "errored"
        ```
        Marbles: `marbles/channel-state.marble`
        """
        return ChannelStateView(self._context, self._topics, self._options.topic)

    if TYPE_CHECKING:

        @overload
        def on(self, event: str) -> Stream[Payload]: ...

        @overload
        def on(self, event: str, *, type: type[_T], strict: bool = ...) -> Stream[_T]: ...

        # forms that are no class, such as `A | B` and Annotated[...]
        @overload
        def on(self, event: str, *, type: object, strict: bool = ...) -> Stream[Any]: ...

    def on(self, event: str, *, type: Any = None, strict: bool = False) -> Stream[Any]:
        """The payloads of one event; cold, a lease of the channel.

        Arguments:
            event: the name of the event.
            type: what the payloads are read as: a ``msgspec.Struct``, a dataclass, a ``TypedDict``, an attrs class,
                a pydantic model, or a form such as ``list[Reading]``. By default they are as JSON has them.
            strict: whether a payload that does not fit ends this stream with ``PayloadMismatch``. By default it is
                reported on ``socket.errors`` and left out.

        Returns:
            A stream of payloads, shared by all observers: treat them as read-only. It ends as the channel does.

        Raises:
            TypeError: nothing can be read as ``type``.
            ValueError: the name is empty, or begins with ``phx_``, which belongs to the protocol.

        ```text
        phoenix room:a   --m--o--m
                         news = channel("room:a").on("news")
                         all = channel("room:a")
        subscribed news  ^---------!
        subscribed all   ^------!
        observed news    --p-----p
        observed all     --n--q
        m = event("news", 7)   o = event("other", 8)   p = 7   n = message("news", 7)
        q = message("other", 8)
        ```
        Marbles: `marbles/on.marble`

        ```text
        phoenix room:a     --m---x---m
                           lax = channel("room:a").on("reading", type=int)
                           strict = channel("room:a").on("reading", type=int, strict=True)
        subscribed lax     ^------------!
        subscribed strict  ^------------!
        observed lax       --v-------v
        observed strict    --v---#
        errors             ------e
        m = event("reading", 21)   x = event("reading", "warm")   v = 21
        e = error("PayloadMismatch", "int", "Expected `int`, got `str`")
        # = error("PayloadMismatch", "int", "Expected `int`, got `str`")
        ```
        Marbles: `marbles/typed.marble`

        Example:
            ```python
            from dataclasses import dataclass
            from reactivex import operators as ops
            from rxphoenix import Socket

            @dataclass
            class Reading:
                celsius: float

            async with Socket("ws://localhost:4000/socket") as socket:
                sensor = socket.channel("sensor:kitchen")
                reading = await sensor.on("reading", type=Reading).pipe(ops.first())
                print(reading.celsius)
            ```
        """
        check_event(event)
        if is_reserved(event):
            raise ValueError(
                f"the event {event!r} belongs to the protocol; watch channel.state, channel.joined or "
                "socket.messages instead"
            )
        if type is None and strict:
            raise ValueError("strict=True needs a type that payloads can fail to fit; give type=... too")
        typing = None if type is None else Typing(PayloadType(type), strict)
        return Events(self._context, self._topics, self._options, event, typing)

    @property
    def joined(self) -> Stream[Joined]:
        """The accepted joins; cold, a lease of the channel. The join in force comes first, if there is one.

        ```text
        joins room:a      -a
        joins room:a      --b
        drops             -----z
                          first = channel("room:a").joined
                          later = channel("room:a").joined
        subscribed first  ^ 30ms !
        subscribed later  ---^ 30ms !
        observed first    -x 15ms y
        observed later    ---x 13ms y
        a = {"v": 1}   b = {"v": 2}   x = joined({"v": 1})
        y = joined({"v": 2}, rejoin=True, gap=gap(0.005, 0.012, lost()))
        ```
        Marbles: `marbles/joined.marble`

        Example:
            ```python
            from reactivex import operators as ops
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                joined = await socket.channel("room:lobby").joined.pipe(ops.first())
                print(joined.reply, joined.rejoin, joined.attempt)
            ```
        """
        return Joins(self._context, self._topics, self._options)

    if TYPE_CHECKING:

        @overload
        def presence(self) -> Presence[Meta]: ...

        @overload
        def presence(self, meta: type[_T]) -> Presence[_T]: ...

        @overload
        def presence(self, meta: object) -> Presence[Any]: ...

    def presence(self, meta: Any = None) -> Presence[Any]:
        """Who is present on the topic; cold, a lease of the channel, with streams of its own for each part of it.

        Arguments:
            meta: what each meta is read as; see ``type`` of ``on``. One that does not fit is reported on
                ``socket.errors`` and treated as if it had not been sent; other subscribers see it as they want it.
                By default metas are as JSON has them.

        Raises:
            TypeError: nothing can be read as ``meta``.

        ```text
        phoenix room:a    --s
                          typed = channel("room:a").presence(meta=dict[str, str]).list_by(lambda key, entry: key)
                          plain = channel("room:a").presence().list_by(lambda key, entry: key)
        subscribed typed  ^---!
        subscribed plain  ^---!
        observed typed    --a
        observed plain    --b
        errors            --e
        s = event("presence_state", {"a": {"metas": [{"phx_ref": "1"}]}, "b": {"metas": [{"phx_ref": "2", "at": 7}]}})
        a = ("a",)   b = ("a", "b")
        e = error("PayloadMismatch", "dict[str, str]", "Expected `str`, got `int` - at `$[...]`")
        ```
        Marbles: `marbles/presence-typed.marble`
        """
        return Presence(self._context, self._topics, self._options, None if meta is None else PayloadType(meta))

    def hold(self) -> Hold:
        """Take a lease of the channel: join, and stay joined until it is given back.

        Returns:
            A disposable. As ``async with channel.hold() as reply:``, or ``with`` where no loop runs, it waits for the
            answer to the join, and raises ``JoinRefused`` and its like there.

        Raises:
            WrongThread, NoEventLoop: see ``subscribe``.

        ```text
        replies one@room:a  --r
        replies two@room:a  --r
                            rx.using(channel("room:a").hold, lambda hold: rx.concat(
                                channel("room:a").push("one"), channel("room:a").push("two")))
        observed            --r-(r|)
        sent                (jp 2ms q)-l
        r = {}   j = "phx_join"   p = "one"   q = "two"   l = "phx_leave"
        ```
        Marbles: `marbles/hold.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                channel = socket.channel("room:lobby")
                async with channel.hold():
                    await channel.push("new_msg", {"body": "one join"})
                    await channel.push("new_msg", {"body": "for two pushes"})
            ```
        """
        return Hold(self._context, self.joined, self._options.topic)

    def leave(self) -> Single[None]:
        """Leave the topic for everybody: each subscription of it completes.

        Returns:
            A Single that emits ``None`` when the server has acknowledged, or at the latest after the join timeout:
            leaving always succeeds. Nothing happens before it is subscribed or awaited.

        ```text
        server           {"latency": 0.001}
        phoenix room:a   --m---m
                         stream = channel("room:a").on("news")
                         left = channel("room:a").leave()
        subscribed left  ----^
        observed stream  --p-|
        observed left    -----(x|)
        sent             j---l
        channel room:a   (cg 1ms d)--vc
        m = event("news", 7)   p = 7   x = None   j = "phx_join"   l = "phx_leave"   c = "closed"
        g = "joining"   d = "joined"   v = "leaving"
        ```
        Marbles: `marbles/leave.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                channel = socket.channel("room:lobby")
                async with channel.hold():
                    await channel.leave()
                assert channel.state.value == "closed"
            ```
        """

        def start(subscriber: Subscriber[None]) -> None:
            if self._topics.link.closed:
                self._context.deliver_soon(lambda: subscriber.error(SocketClosed()))
                return
            topic = self._topics.find(self._options.topic)
            if topic is None:
                self._context.deliver_soon(lambda: subscriber.succeed(None))
            else:
                topic.leave(lambda: subscriber.succeed(None), self._options.join.timeout)

        return Single(self._context, start, self._options.topic)

    if TYPE_CHECKING:

        @overload
        def push(
            self, event: str, payload: Payload = ..., *, timeout: float | None = ..., reply: Literal[True] = ...
        ) -> Single[Payload]: ...

        @overload
        def push(
            self, event: str, payload: Payload = ..., *, timeout: float | None = ..., reply_type: type[_T]
        ) -> Single[_T]: ...

        @overload
        def push(
            self, event: str, payload: Payload = ..., *, timeout: float | None = ..., reply_type: object
        ) -> Single[Any]: ...

        @overload
        def push(
            self, event: str, payload: Payload = ..., *, timeout: float | None = ..., reply: Literal[False]
        ) -> Single[None]: ...

        @overload
        def push(
            self, event: str, payload: Payload = ..., *, timeout: float | None = ..., reply: bool
        ) -> Single[Any]: ...

    def push(
        self,
        event: str,
        payload: Payload = None,
        *,
        timeout: float | None = None,
        reply: bool = True,
        reply_type: Any = None,
    ) -> Single[Any]:
        """Send a message to the channel's process on the server; cold: each subscription or ``await`` sends once.

        Arguments:
            event: the name of the event.
            payload: a JSON value, or an object of the kinds that ``on`` can read; ``{}`` if omitted. ``bytes`` go as
                a binary message.
            timeout: seconds from the subscription to the reply, by default the socket's ``timeout``.
            reply: whether to wait for the reply; ``False`` for handlers that do not reply.
            reply_type: what the response is read as; see ``on``.

        Returns:
            A Single of the response. Errors: ``PushRefused`` for any status but "ok"; ``PayloadMismatch`` for a
            response that is no ``reply_type``: the push was done then; ``PushTimeout``;
            ``PushInterrupted`` when the join or the link ended after it was sent; ``JoinRefused`` and its like when
            the join is refused; ``PushBufferFull``; ``TopicBusy``; ``NotJoined``; ``SocketClosed``.

        Raises:
            UnencodablePayload: the payload or a name cannot be written.
            ValueError: the event or the timeout is not usable.
            TypeError: nothing can be read as ``reply_type``.

        ```text
        replies run@room:a  --r
        replies run@room:a  ---s
                            stream = channel("room:a")
                            pushed = channel("room:a").push("run", {"n": 1}).pipe(ops.repeat(2))
        subscribed stream   ^--------------!
        subscribed pushed   -----^
        observed stream     -
        observed pushed     -------x--(y|)
        sent                j----p-p-------l
        r = {"done": 1}   s = {"done": 2}   x = {"done": 1}   y = {"done": 2}   j = "phx_join"
        p = ("run", {"n": 1})   l = "phx_leave"
        ```
        Marbles: `marbles/push.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                response = await socket.channel("room:lobby").push("echo", {"body": "hi"})
                assert response == {"body": "hi"}
            ```
        """
        if reply_type is not None and not reply:
            raise ValueError("reply_type needs a reply; leave reply=False out")
        if reply_type is not None:
            return self._push(event, payload, timeout, response_as(PayloadType(reply_type)))
        return self._push(event, payload, timeout, response_of if reply else expect_nothing, reply)

    def request(self, event: str, payload: Payload = None, *, timeout: float | None = None) -> Single[Reply]:
        """Push, and get the whole reply, whatever its status.

        Arguments:
            event: the name of the event.
            payload: a JSON value, ``{}`` if omitted; ``bytes`` go as a binary message.
            timeout: seconds from the subscription to the reply, by default the socket's ``timeout``.

        Returns:
            A Single of the ``Reply``. Errors as those of ``push``, but for ``PushRefused``.

        Raises:
            UnencodablePayload, ValueError: see ``push``.

        ```text
        replies run@room:a  ---r
                            channel("room:a").request("run")
        observed            ---(r|)
        sent                (jp 3ms l)
        r = reply("error", {"reason": "busy"})   j = "phx_join"   p = "run"   l = "phx_leave"
        ```
        Marbles: `marbles/request.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                reply = await socket.channel("room:lobby").request("echo", {"body": "hi"})
                assert reply.status == "ok"
            ```
        """
        return self._push(event, payload, timeout, reply_of)

    def _push(
        self,
        event: str,
        payload: Payload,
        timeout: float | None,
        outcome: Callable[[PushOptions, Reply], Any],
        await_reply: bool = True,
    ) -> Push[Any]:
        check_event(event)
        if is_reserved(event):
            raise ValueError(f"the event {event!r} belongs to the protocol; use leave(), or socket.send() to test one")
        options = self._options
        seconds = options.timeout if timeout is None else check_seconds("timeout", timeout)
        serializer = self._topics.options.serializer
        encoded = serializer.encode_payload({} if payload is None else payload)
        if isinstance(payload, BYTES_LIKE):
            serializer.encode("", "", options.topic, event, serializer.encode_payload(b""))  # do the names fit?
        push = PushOptions(options, event, encoded, seconds, outcome, await_reply)
        return Push(self._context, self._topics, push)

    def __repr__(self) -> str:
        return f"<Channel {self._options.topic!r} {self.state.value}>"
