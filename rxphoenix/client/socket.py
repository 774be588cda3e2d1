"""What a user holds: one socket to one Phoenix endpoint, with its options, streams and channels.

What lives here: the public face. What does not: keeping the connection (``link.py``) and the topics (``topic.py``).
"""

from __future__ import annotations

import inspect
import random as random_module
from collections.abc import Mapping
from types import NoneType

from reactivex import abc

from rxphoenix.client.channel import Channel
from rxphoenix.client.checks import (
    check_close,
    check_count,
    check_delay,
    check_headers,
    check_name,
    check_optional_seconds,
    check_params,
    check_seconds,
    check_token,
)
from rxphoenix.client.connection import ConnectionOptions
from rxphoenix.client.context import Context
from rxphoenix.client.ending import Ending
from rxphoenix.client.join_options import USUAL_PRESENCE, JoinOptions, JoinParams, PresenceEvents
from rxphoenix.client.leased import ChannelOptions, Hook
from rxphoenix.client.link import Lease, Link
from rxphoenix.client.opening import Opening
from rxphoenix.client.ping import Ping
from rxphoenix.client.provider import Provided, Provider, snapshot
from rxphoenix.client.resume import Resume
from rxphoenix.client.single import Single
from rxphoenix.client.socket_streams import SocketStreams
from rxphoenix.client.topic import TopicOptions, Topics
from rxphoenix.errors import NotConnected, SocketClosed
from rxphoenix.protocol.address import Params, parse_endpoint
from rxphoenix.protocol.backoff import RECONNECT_DELAY, REJOIN_DELAY, Delay
from rxphoenix.protocol.message import PHOENIX, Message, Payload
from rxphoenix.protocol.serializer import JSONSerializer, Serializer
from rxphoenix.transports.base import Transport, check_transport

__all__ = ["Socket"]


class Socket(SocketStreams):
    """One connection to one Phoenix endpoint, made when it is needed, shared by all its channels.

    Making one does nothing. The first lease connects: a subscription to a channel, a push, ``connect()``,
    ``opened()``. The last one given back disconnects.

    Arguments:
        endpoint: the mount point of the socket, a ``ws:``, ``wss:``, ``http:`` or ``https:`` URL such as
            ``"wss://example.com/socket"``.
        params: connect params, as a mapping, or a function or coroutine function that is called for every attempt.
        auth_token: the token that the server sees as ``connect_info.auth_token``, as a string or such a function.
        headers: additional HTTP headers, as a mapping or such a function.
        transport: what carries the frames, ``WebSocket()`` by default.
        timeout: seconds that a reply to a push or join may take.
        connect_timeout: seconds that an attempt to connect may take, params and token functions included.
        heartbeat_interval: seconds from the answer to a heartbeat to the next one; ``None`` sends none.
        heartbeat_timeout: seconds that the answer may take, by default as long as the interval.
        reconnect_after: ``(attempt, error) -> seconds`` to the next attempt, ``None`` to give up; by default the
            official client's steps.
        rejoin_after: the same for joining a channel again after a fault.
        retry_refused: the same after the server refused a join; by default the subscribers get ``JoinRefused``.
        linger: seconds that a topic or the connection outlives its last lease.
        max_held_pushes: how many pushes a topic holds until it is joined; one more is ``PushBufferFull``.
        serializer: how messages are written, ``JSONSerializer()`` by default.
        scheduler: where all time comes from, by default an ``AsyncIOScheduler`` on the running loop. With an
            ``AsyncIOThreadSafeScheduler`` the socket may be used from any thread.
        session: an ``aiohttp.ClientSession`` to use; it is not closed.
        random: the source of randomness that spreads delays of 1 s and more by a quarter; in virtual time none.

    Raises:
        TypeError, ValueError: an argument is not usable; the message names it.

    A function with a required positional parameter receives why the last attempt failed, ``None`` the first time.

    Example:
        ```python
        from rxphoenix import Socket

        async with Socket("ws://localhost:4000/socket", params={"user": "ann"}) as socket:
            response = await socket.channel("room:lobby").push("new_msg", {"body": "hello"})
            print(response["id"])
        ```
    """

    def __init__(
        self,
        endpoint: str,
        *,
        params: Provided[Params] | None = None,
        auth_token: Provided[str | None] = None,
        headers: Provided[Mapping[str, str]] | None = None,
        transport: Transport | None = None,
        timeout: float = 10.0,
        connect_timeout: float = 10.0,
        heartbeat_interval: float | None = 30.0,
        heartbeat_timeout: float | None = None,
        reconnect_after: Delay = RECONNECT_DELAY,
        rejoin_after: Delay = REJOIN_DELAY,
        retry_refused: Delay | None = None,
        linger: float = 0.0,
        max_held_pushes: int = 1000,
        serializer: Serializer | None = None,
        scheduler: abc.SchedulerBase | None = None,
        session: object | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        self._endpoint = parse_endpoint(endpoint)
        self._timeout = check_seconds("timeout", timeout)
        self._retry_refused = check_delay("retry_refused", retry_refused)
        self._serializer = serializer or JSONSerializer()
        context = Context(scheduler)
        options = ConnectionOptions(
            endpoint=self._endpoint,
            params=Provider[Params]("params", {} if params is None else snapshot(params), check_params),
            auth_token=Provider[str | None]("auth_token", auth_token, check_token),
            headers=Provider[Mapping[str, str]]("headers", {} if headers is None else headers, check_headers),
            transport=_default_transport() if transport is None else check_transport("transport", transport),
            serializer=self._serializer,
            session=session,
            connect_timeout=check_seconds("connect_timeout", connect_timeout),
            heartbeat_interval=check_optional_seconds("heartbeat_interval", heartbeat_interval),
            heartbeat_timeout=check_optional_seconds("heartbeat_timeout", heartbeat_timeout),
            memory={},
        )
        source = random or (None if context.is_virtual else random_module.Random())
        reconnect, rejoin = check_delay("reconnect_after", reconnect_after), check_delay("rejoin_after", rejoin_after)
        link = Link(context, options, reconnect or RECONNECT_DELAY, check_seconds("linger", linger, zero=True), source)
        super().__init__(context, link)
        most = check_count("max_held_pushes", max_held_pushes)
        topic_options = TopicOptions(self._serializer, rejoin or REJOIN_DELAY, most, source)
        self._topics = Topics(context, link, topic_options)
        self._topics.socket = self
        self._join_params = JoinParams(self._serializer)
        self._ending = Ending(context)
        link.serve(self._topics)
        context.when_loop_is_gone = self._abandon

    # -- streams -------------------------------------------------------------------------------------------------

    @property
    def scheduler(self) -> abc.SchedulerBase:
        """Where all time of this socket comes from; give it to operators that take a scheduler.

        Raises:
            NoEventLoop: none was given, and no event loop runs here.
        """
        return self._context.scheduler

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Handles of the topics that have a join now."""
        self._context.notice_the_end()
        return tuple(self.channel(topic) for topic in self._topics.live())

    # -- connecting ----------------------------------------------------------------------------------------------

    def connect(self) -> Lease:
        """Take a lease of the connection: connect, and stay connected until it is given back.

        It never waits, and a failing connection is no error of this call: watch ``state`` and ``errors``, or
        await ``opened()``. It also ends what ``disconnect()`` began.

        Returns:
            The lease, a disposable and a context manager.

        Raises:
            SocketClosed: the socket was closed for good.
            WrongThread, NoEventLoop: see ``Channel.subscribe``.

        ```text
        connects    --o
                    rx.using(socket.connect, lambda lease: socket.state)
        subscribed  -^------!
        observed    -n-o-----
        state       cn-o----(ac)
        c = "closed"   n = "connecting"   o = "open"   a = "closing"
        ```
        Marbles: `marbles/connect-is-a-lease.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                with socket.connect():
                    await socket.opened()
                    print(await socket.ping())
            ```
        """
        if self._link.closed:
            raise SocketClosed
        lease = Lease(self._context)
        self._context.perform("connect", self._connect, lease)
        return lease

    def _connect(self, lease: Lease) -> None:
        self._link.bring_online()
        self._link.take(lease)

    def opened(self) -> Single[None]:
        """Wait for the connection; a lease while it waits.

        Returns:
            A Single that emits ``None`` when the connection is open, at once if it is. It errors with the failure
            of the first failed attempt, with ``Disconnected`` after ``disconnect()``, or with ``SocketClosed``.

        ```text
        connects    --o
                    socket.opened()
        subscribed  -^
        observed    ---(v|)
        state       cn-(oac)
        v = None   c = "closed"   n = "connecting"   o = "open"   a = "closing"
        ```
        Marbles: `marbles/opened.marble`
        """
        return Opening(self._context, self._link)

    def disconnect(self, code: int | None = None, reason: str = "") -> None:
        """Go offline over all leases, until ``connect()``.

        Sent pushes are interrupted; channels become ``errored`` and their streams stay alive; held pushes keep their
        timers. ``connect()`` then tries at once, and the delays between attempts begin anew.

        Arguments:
            code: the close code, 1000 or 3000 to 4999; ``None`` is 1000.
            reason: the reason to send along, at most 123 bytes.

        Raises:
            ValueError: code or reason cannot be sent.
            WrongThread: see ``Channel.subscribe``.

        ```text
        phoenix room:a  --m---m---m
        calls           ----D---C
                        channel("room:a").on("news")
        subscribed      ^-----------!
        observed        --p-------p
        sent            j-------j---l
        channel room:a  (cgd 4ms e)---(gd)c
        m = event("news", 7)   p = 7   D = disconnect(3000, "a tunnel")   C = connect()   j = "phx_join"
        l = "phx_leave"   c = "closed"   g = "joining"   d = "joined"   e = "errored"
        ```
        Marbles: `marbles/disconnect.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                async with socket.channel("room:lobby").hold():
                    socket.disconnect(3000, "a tunnel ahead")
                    socket.connect()        # online again: the channel joins by itself
            ```
        """
        check_close(code, reason)
        self._context.perform("disconnect", self._link.disconnect, code, reason)

    def reconnect(self) -> None:
        """Drop the connection and try again now, skipping any delay; does nothing while nobody needs the socket.

        If that fails, the delays between attempts begin anew.

        Raises:
            WrongThread: see ``Channel.subscribe``.

        ```text
        connects    -#
        calls       -----r---r
                    channel("room:a")
        subscribed  ^------------!
        observed    -
        attempts    a----a---a
        sent        -----j---j---l
        r = reconnect()   a = attempt({})   j = "phx_join"   l = "phx_leave"
        ```
        Marbles: `marbles/reconnect-now.marble`
        """
        self._context.perform("reconnect", self._link.reconnect)

    def ping(self) -> Single[float]:
        """Measure a round trip to the server; passive: it connects nothing.

        Returns:
            A Single of the round trip in seconds. It errors with ``NotConnected`` without an open connection, with
            ``HeartbeatTimeout`` after the socket's ``timeout``, and with what ended the connection if it ends first.

        ```text
        server             {"latency": 0.003}
                           lease = channel("room:a")
                           pinged = socket.ping()
        subscribed lease   ^-------!
        subscribed pinged  --^
        observed lease     -
        observed pinged    -----(s|)
        frames             j-p-----l
        s = 0.003   j = "phx_join"   p = "heartbeat"   l = "phx_leave"
        ```
        Marbles: `marbles/ping.marble`
        """
        return Ping(self._context, self._link, self._timeout)

    def send(self, message: Message) -> None:
        """Write one message as it is, for testers of the protocol; nothing is awaited.

        Arguments:
            message: the message, refs included.

        Raises:
            NotConnected: there is no open connection.
            UnencodablePayload: it cannot be written.
            WrongThread: see ``Channel.subscribe``.
        """
        connection = self._link.connection
        if connection is None or not connection.is_open:
            raise NotConnected("send()")
        payload = self._serializer.encode_payload(message.payload)
        frame = self._serializer.encode(message.join_ref, message.ref, message.topic, message.event, payload)
        self._context.perform("send", connection.send_encoded, frame, message)

    # -- channels ------------------------------------------------------------------------------------------------

    def channel(
        self,
        topic: str,
        params: Provided[Payload] = None,
        *,
        join_timeout: float | None = None,
        auto_join: bool = True,
        retry_refused: Delay | None = None,
        on_message: Hook | None = None,
        resume: Resume | None = None,
        presence_events: PresenceEvents | None = None,
    ) -> Channel:
        """Make a handle for a topic; nothing happens before it is subscribed or pushed to.

        Arguments:
            topic: the topic, for example ``"room:lobby"``.
            params: join params, a JSON value, or a function or coroutine function that is called for every join.
                Omitted, the channel shares whatever join is live, else joins with ``{}``.
            join_timeout: seconds that the server may take to answer a join, by default the socket's ``timeout``.
            auto_join: whether a push joins for itself when nobody else has; ``False`` gives ``NotJoined``.
            retry_refused: ``(attempt, error) -> seconds`` after a refused join, by default the socket's.
            on_message: ``(event, payload) -> payload``: sees each payload, of messages and replies, before what is
                subscribed through this handle does.
            resume: what a rejoin adds to the params, so that the server can send what was missed; it counts as a part
                of the params.
            presence_events: the names of the events of presence, where the server uses other ones than usual; say them
                to the first channel of the topic that is subscribed, because the join keeps the presence.

        Raises:
            TypeError, ValueError: an argument is not usable.
            UnencodablePayload: the params cannot be written.

        Example:
            ```python
            from rxphoenix import Socket

            socket = Socket("ws://localhost:4000/socket")
            channel = socket.channel("room:secret", {"password": "sesame"})
            ```
        """
        check_name("topic", topic)
        if topic == PHOENIX:
            raise ValueError('the topic "phoenix" belongs to the protocol; use socket.ping() or socket.latency')
        if resume is not None and not isinstance(resume, Resume):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"resume must be a Resume(param, cursor), not {resume!r}")
        if not isinstance(presence_events, (PresenceEvents, NoneType)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"presence_events must be PresenceEvents(state, diff), not {presence_events!r}")
        join = JoinOptions(
            self._join_params.provider(topic, params, resume),
            params is not None or resume is not None,
            self._timeout if join_timeout is None else check_seconds("join_timeout", join_timeout),
            check_delay("retry_refused", retry_refused) or self._retry_refused,
            resume,
            presence_events or USUAL_PRESENCE,
        )
        if on_message is not None and (not callable(on_message) or inspect.iscoroutinefunction(on_message)):
            raise TypeError(f"on_message must be a plain function of (event, payload), not {on_message!r}")
        return Channel(self._context, self._topics, ChannelOptions(topic, join, self._timeout, auto_join, on_message))

    # -- closing -------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End for good: channels are left, streams complete, sent pushes end with ``PushInterrupted``.

        Idempotent, and legal in callbacks. It does not wait; ``wait_closed()`` does.

        Raises:
            WrongThread: see ``Channel.subscribe``.

        ```text
        server           {"closes_after": 0.003}
        calls            ----x
                         stream = channel("room:a")
                         done = socket.wait_closed()
        observed stream  ----|
        observed done    -------(v|)
        sent             j---l
        state            (cno 4ms a 3ms c|)
        x = close_socket()   v = None   j = "phx_join"   l = "phx_leave"   c = "closed"   n = "connecting"
        o = "open"   a = "closing"
        ```
        Marbles: `marbles/close.marble`
        """
        self._context.perform("close", self._close)

    def _close(self) -> None:
        if self._link.closed:
            return
        self._topics.close()
        self._link.close()
        self._link.messages.complete()
        self._link.latency.complete()
        self._link.sent.complete()
        self._link.when_ended(self._end)

    def _end(self) -> None:
        self._link.state.complete()
        self._errors.complete()
        self._ending.come()

    def wait_closed(self) -> Single[None]:
        """Wait until the socket is closed and nothing of it is left: all is flushed, the transport has ended.

        Returns:
            A Single that emits ``None``; it never errors.

        ```text
        server           {"closes_after": 0.003}
        calls            ----x
                         stream = channel("room:a")
                         done = socket.wait_closed()
        observed stream  ----|
        observed done    -------(v|)
        sent             j---l
        state            (cno 4ms a 3ms c|)
        x = close_socket()   v = None   j = "phx_join"   l = "phx_leave"   c = "closed"   n = "connecting"
        o = "open"   a = "closing"
        ```
        Marbles: `marbles/close.marble`
        """
        return self._ending.awaited()

    def _abandon(self) -> None:
        self._topics.abandon()
        self._link.abandon()

    async def __aenter__(self) -> Socket:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()
        await self.wait_closed()

    def __enter__(self) -> Socket:
        self._context.check_blocking("`with socket`")
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
        self.wait_closed().run()

    def __repr__(self) -> str:
        return f"<Socket {self._endpoint} {self._link.state.value}>"


def _default_transport() -> Transport:
    from rxphoenix.transports.websocket import WebSocket

    return WebSocket()
