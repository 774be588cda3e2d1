"""What a socket shows of itself to who only watches: its state, its messages, its errors, its latency.

What lives here: the passive streams of ``Socket``. What does not: what connects (``socket.py``), and what these streams
are made of (``subjects.py``, ``link.py``).
"""

from __future__ import annotations

from rxphoenix.client.context import Context
from rxphoenix.client.link import Link
from rxphoenix.client.subjects import FaultStream, HotStream, StateStream
from rxphoenix.protocol.lifecycle import SocketState
from rxphoenix.protocol.message import Message

__all__ = ["SocketStreams", "context_of"]


class SocketStreams:
    """The passive streams of a socket: watching them connects nothing.

    Arguments:
        context: the surroundings of the socket.
        link: its connection.
    """

    def __init__(self, context: Context, link: Link) -> None:
        self._context = context
        self._link = link
        self._errors = FaultStream(context)
        context.report_to(self._errors.emit)

    @property
    def endpoint(self) -> str:
        """The mount point of the socket, without a query and credentials."""
        return self._link.endpoint

    @property
    def state(self) -> StateStream[SocketState]:
        """The state of the connection: ``closed``, ``connecting``, ``open`` or ``closing``; passive.

        ```text
        connects          --o
                          lease = channel("room:a")
                          later = socket.state
        subscribed lease  ^-------!
        subscribed later  ---^
        observed lease    -
        observed later    ---o----(xc)
        state             (cn 2ms o)-----(xc)
        c = "closed"   n = "connecting"   o = "open"   x = "closing"
        ```
        Marbles: `marbles/state.marble`
        """
        return self._link.state

    @property
    def messages(self) -> HotStream[Message]:
        """Every decoded frame from the server, replies and heartbeats included, in wire order; hot and passive.

        Each is seen here before its channel sees it. Treat payloads as read-only.

        ```text
        replies run@room:a  --r
                            pushed = channel("room:a").push("run")
                            wire = socket.messages
        observed pushed     --(v|)
        observed wire       j-(tlx)
        r = {"n": 1}   v = {"n": 1}   j = message("phx_reply", {"status": "ok", "response": {}})
        t = message("phx_reply", {"status": "ok", "response": {"n": 1}})
        l = message("phx_reply", {"status": "ok", "response": {}})   x = message("phx_close", {})
        ```
        Marbles: `marbles/messages.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                socket.messages.subscribe(lambda message: print(message.topic, message.event))
                await socket.channel("room:lobby").push("echo", {"body": "hi"})
            ```
        """
        return self._link.messages

    @property
    def sent(self) -> HotStream[Message]:
        """Every message that was written, joins, leaves and heartbeats included, in order; hot and passive.

        Treat payloads as read-only; a serializer of your own is seen with what it has made of them.

        ```text
        replies run@room:a  --r
                            stream = channel("room:a")
                            pushed = channel("room:a").push("run", {"n": 1})
                            wire = socket.sent
        subscribed stream   ^---------!
        subscribed pushed   ----^
        observed stream     -
        observed pushed     ------(v|)
        observed wire       j---p-----l
        j = message("phx_join", {})   p = message("run", {"n": 1})   l = message("phx_leave", {})
        r = {"done": 1}   v = {"done": 1}
        ```
        Marbles: `marbles/sent.marble`

        Example:
            ```python
            from rxphoenix import Socket

            async with Socket("ws://localhost:4000/socket") as socket:
                socket.sent.subscribe(lambda message: print(message.topic, message.event))
                await socket.channel("room:lobby").push("echo", {"body": "hi"})
            ```
        """
        return self._link.sent

    @property
    def errors(self) -> FaultStream:
        """Faults that no subscriber received: lost connections, crashed channels, raising observers; passive.

        ```text
        drops         --y
        joins room:a  ----a
        joins room:a  -#
                      channel("room:a")
        subscribed    ^------------------------!
        observed      -
        errors        --l----------k
        a = {}   y = 1006   l = lost(1006)   k = error("JoinCrashed", "room:a", {"reason": "join crashed"})
        ```
        Marbles: `marbles/errors.marble`
        """
        return self._errors

    @property
    def latency(self) -> HotStream[float]:
        """The round trips of the heartbeats, in seconds; hot and passive. Over ``LongPoll`` there are none.

        One whose answer lay unread, because a consumer held the socket back, is left out: it tells nothing of the link.

        ```text
        server      {"latency": 0.001}
                    rx.using(socket.connect, lambda lease: socket.latency)
        options     {"heartbeat_interval": 0.01}
        subscribed  ^ 34ms !
        observed    -----------s----------s----------s
        frames      ----------h----------h----------h-
        h = "heartbeat"   s = 0.001
        ```
        Marbles: `marbles/heartbeat.marble`
        """
        return self._link.latency


def context_of(socket: SocketStreams) -> Context:
    """The surroundings of a socket, for what is built upon it."""
    return socket._context  # pyright: ignore[reportPrivateUsage]
