"""Frames as they are: for cases in which refs and orders are the point.

What lives here: the two dialects and the marks for them, and a socket of ours used as a bare wire. What does not:
connections with no client around them (``raw.py``), and where the server is (``target.py``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import pytest

from rxphoenix import Frame, JSONSerializer, JSONSerializerV1, Message, Payload, Serializer, Socket
from tests.conformance.watching import Seen

NOTHING: dict[str, Any] = {}
UNMATCHED = {"reason": "unmatched topic"}


class Dialect(NamedTuple):
    """One of the protocol's two versions, and how it shows what happens."""

    vsn: str

    def serializer(self) -> Serializer:
        """What the client speaks it with."""
        return JSONSerializer() if self.vsn == "2.0.0" else JSONSerializerV1()

    def shows(self, message: Message) -> Message:
        """A message of 2.0.0 as this dialect shows it: 1.0.0 returns no ``join_ref``, and endings have no ref."""
        if self.vsn == "2.0.0":
            return message
        ref = None if message.event in ("phx_close", "phx_error") else message.ref
        return Message(None, ref, message.topic, message.event, message.payload)


class Sent(NamedTuple):
    """What a message that the client sent says about itself."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str


class Recorder:
    """A serializer that keeps what the client sends, for cases about the client's side of the wire.

    Arguments:
        dialect: what it speaks.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.sent: list[Sent] = []
        self._serializer = dialect.serializer()

    @property
    def vsn(self) -> str:
        """The version that it speaks."""
        return self._serializer.vsn

    def encode_payload(self, payload: Payload) -> Any:
        """Encode a payload ahead of its message."""
        return self._serializer.encode_payload(payload)

    def encode(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Any) -> Frame:
        """Write one message, and keep what it is."""
        self.sent.append(Sent(join_ref, ref, topic, event))
        return self._serializer.encode(join_ref, ref, topic, event, payload)

    def decode(self, frame: Frame) -> Message:
        """Read one message."""
        return self._serializer.decode(frame)


V1 = Dialect("1.0.0")
V2 = Dialect("2.0.0")

only_1_0_0 = pytest.mark.parametrize("dialect", [V1], ids=["1.0.0"])
only_2_0_0 = pytest.mark.parametrize("dialect", [V2], ids=["2.0.0"])
"""For what one dialect does not have, or where the dialect plainly does not matter."""


def _only(transport: str, reason: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("transport", [pytest.param(transport, marks=pytest.mark.only(reason=reason))])


def only_websocket(reason: str) -> pytest.MarkDecorator:
    """For what long polling does not have; the reason says what."""
    return _only("websocket", reason)


def only_longpoll(reason: str) -> pytest.MarkDecorator:
    """For what WebSockets do not have; the reason says what."""
    return _only("longpoll", reason)


one_dialect_on_longpoll = pytest.mark.parametrize(
    ("dialect", "transport"),
    [(V2, "websocket"), (V1, "websocket"), (V2, "longpoll")],
    ids=["2.0.0-websocket", "1.0.0-websocket", "2.0.0-longpoll"],
)
"""For what long polling has to wait for, until a window of the server's is over: once is enough."""


def reply(
    join_ref: str | None, ref: str | None, topic: str, response: Payload = NOTHING, status: str | bool | None = "ok"
) -> Message:
    """The answer to a request."""
    return Message(join_ref, ref, topic, "phx_reply", {"status": status, "response": response})


def welcome(join_ref: str | None, ref: str | None, topic: str, params: Payload = NOTHING) -> Message:
    """The contract's answer to an accepted join."""
    return reply(join_ref, ref, topic, {"topic": topic, "params": params})


def unmatched(ref: str | None, topic: str) -> Message:
    """The answer to what no channel takes: it has no ``join_ref``, whatever was sent."""
    return reply(None, ref, topic, UNMATCHED, "error")


def pushed(join_ref: str | None, topic: str, event: str, payload: Payload = NOTHING) -> Message:
    """A push from a channel of the server."""
    return Message(join_ref, None, topic, event, payload)


def broadcast(topic: str, event: str, payload: Payload = NOTHING) -> Message:
    """A message to all who joined a topic."""
    return Message(None, None, topic, event, payload)


def closed(join_ref: str | None, topic: str) -> Message:
    """The end of a channel that was meant."""
    return Message(join_ref, join_ref, topic, "phx_close", {})


def is_crash(message: Message, join_ref: str, topic: str, dialect: Dialect) -> bool:
    """Whether a message is the end of a channel that was not meant; older servers give no reason."""
    return any(
        message == dialect.shows(Message(join_ref, join_ref, topic, "phx_error", payload))
        for payload in ({"reason": "channel_crash"}, {})
    )


class Wire:
    """An open socket of ours as a bare wire: messages go out as they are, and all that comes is seen in its order."""

    def __init__(self, socket: Socket, dialect: Dialect) -> None:
        self.socket = socket
        self.dialect = dialect
        self._seen = Seen(socket.messages)
        self._read = 0

    def send(self, join_ref: str | None, ref: str | None, topic: str, event: str, payload: Payload = NOTHING) -> None:
        """Send one message."""
        self.socket.send(Message(join_ref, ref, topic, event, payload))

    async def read(self) -> Message:
        """The next message, once it is there."""
        values = await self._seen.first(self._read + 1)
        self._read += 1
        return values[-1]

    async def expect(self, *messages: Message) -> None:
        """Insist that these come next, in this order."""
        for message in messages:
            assert await self.read() == self.dialect.shows(message)

    async def expect_one_of(self, *orders: Iterable[Message]) -> None:
        """Insist that one of these sequences comes next; the longest decides how many messages are read."""
        legal = [[self.dialect.shows(message) for message in order] for order in orders]
        seen: list[Message] = []
        while seen not in legal:
            assert any(seen == order[: len(seen)] for order in legal), f"not a legal order: {seen}"
            seen.append(await self.read())

    async def join(self, topic: str, join_ref: str = "1", params: Payload = NOTHING) -> None:
        """Join a topic, and see it accepted."""
        self.send(join_ref, join_ref, topic, "phx_join", params)
        await self.expect(welcome(join_ref, join_ref, topic, params))

    async def expect_nothing_more(self, topic: str, join_ref: str) -> None:
        """Insist that nothing was still to come from a channel: it is asked for an echo, which comes next."""
        self.send(join_ref, "nothing more", topic, "echo", {"nothing": "more"})
        await self.expect(reply(join_ref, "nothing more", topic, {"nothing": "more"}))

    async def expect_nothing_more_of_the_socket(self) -> None:
        """Insist that nothing was still to come from the socket itself: a heartbeat's answer comes next."""
        self.send(None, "nothing more", "phoenix", "heartbeat")
        await self.expect(reply(None, "nothing more", "phoenix"))


OpenSocket = Callable[..., Socket]
"""``open_socket(path="/socket", **options)``; see the fixture."""

OpenWire = Callable[..., Awaitable[Wire]]
"""``await open_wire(path="/socket", **options)``; see the fixture."""
