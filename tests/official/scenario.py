"""What a scenario is made of: what a user does, what the server does, and where the two clients differ.

A scenario is a script: instants in milliseconds from its beginning, and what happens at each. ::

    Scenario(
        "what is pushed before the join is answered waits for the answer",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "hello")], 1000: []},
    )

The last instant is the end. What is not said goes well: a connection opens 100 ms after it was asked for, and joins,
leaves, heartbeats and pushes are answered 100 ms after they were sent, pushes with their payload.

Both clients are expected to do the same. Where they do not, ``differs`` names the row of the table in
``docs/architecture.md`` and says exactly what only the official client does (``-``) and what only rxphoenix does
(``+``), in lines of the trace (``trace.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import msgspec

__all__ = [
    "Answer", "Attempt", "Binary", "Close", "Connect", "Count", "Crash", "Disconnect", "EndSession", "Hang", "Join",
    "JoinAgain", "Leave", "Listen", "Lose", "Nothing", "Open", "Options", "Ping", "PollAnswer", "Presence", "Push",
    "Raw", "Reconnect", "Refuse", "Release", "Reply", "Say", "Scenario", "Server", "Sleep", "Stall", "Step",
    "UserStep",
]  # fmt: skip


# What a user does. The official client's world reads these as JSON, see world.cjs.


class UserStep(msgspec.Struct, tag_field="do"):
    """Something that a user asks of a client."""


class Connect(UserStep, tag="connect"):
    """Have a connection."""


class Disconnect(UserStep, tag="disconnect"):
    """Have none."""

    code: int | None = None
    reason: str = ""


class Reconnect(UserStep, tag="reconnect"):
    """Have a new one."""


class Ping(UserStep, tag="ping"):
    """Measure a round trip."""


class Join(UserStep, tag="join"):
    """Join a topic, and listen to all that comes; ``handle`` names it where there is more than one for the topic."""

    topic: str
    params: Any = None
    timeout: int | None = None
    handle: str | None = None


class JoinAgain(UserStep, tag="join_again"):
    """Join once more with what has joined."""

    handle: str


class Leave(UserStep, tag="leave"):
    """Leave a topic for everybody; ``told`` notes when the user hears that it is done."""

    handle: str
    told: bool = False


class Release(UserStep, tag="release"):
    """Need it no longer: the official client can only leave, here the subscriptions are disposed."""

    handle: str


class Push(UserStep, tag="push"):
    """Push, and wait for the reply."""

    handle: str
    event: str
    payload: Any = None
    bytes: bytes | None = None
    timeout: int | None = None
    times: int = 1


class Listen(UserStep, tag="listen"):
    """Listen to one event more, perhaps with an observer that raises."""

    handle: str
    event: str
    raises: bool = False


class Presence(UserStep, tag="presence"):
    """Watch who is present."""

    handle: str
    state: str = "presence_state"
    diff: str = "presence_diff"


# What the server does by itself.


class Lose(msgspec.Struct, frozen=True):
    """End the connection, with a close code; 1006 is a cut."""

    code: int = 1006
    reason: str = ""


class Hang(msgspec.Struct, frozen=True):
    """Let nothing pass any more on this connection."""


class Say(msgspec.Struct, frozen=True):
    """Send a message.

    ``join`` counts the joins of the topic, -1 is the last one, and without there is no join ref. ``ref`` is that of the
    join, of the last frame that came, any other or none.
    """

    topic: str
    event: str
    payload: Any = {}
    join: int | None = -1
    ref: Literal["join", "last"] | str | None = None


class Binary(msgspec.Struct, frozen=True):
    """Send a binary push, with a ref a reply whose status is the event, or without a join ref a broadcast."""

    topic: str
    event: str
    data: bytes
    join: int | None = -1
    ref: Literal["last"] | None = None


class Raw(msgspec.Struct, frozen=True):
    """Send a text frame as it is."""

    text: str


class EndSession(msgspec.Struct, frozen=True):
    """Forget the session of long polling."""


class Sleep(msgspec.Struct, frozen=True):
    """Let the client's machine sleep for so many milliseconds: only the clock on the wall goes on."""

    milliseconds: int


# What the server answers.


class Reply(msgspec.Struct, frozen=True):
    """A reply to a frame; ``times`` as often."""

    status: Any = "ok"
    response: Any = {}
    after: int = 100
    times: int = 1
    unmatched: bool = False


class Crash(msgspec.Struct, frozen=True):
    """Instead of a reply the channel crashes."""

    after: int = 100


class Close(msgspec.Struct, frozen=True):
    """Instead of a reply the channel is closed."""

    after: int = 100


class Nothing(msgspec.Struct, frozen=True):
    """No answer."""


Answer: TypeAlias = Reply | Crash | Close | Nothing


class Open(msgspec.Struct, frozen=True):
    """An attempt to connect succeeds."""

    after: int = 100


class Refuse(msgspec.Struct, frozen=True):
    """An attempt fails; a browser does not tell with which status, and over long polling it is in the body."""

    status: int | None = None
    retry_after: float | None = None
    after: int = 100


class Stall(msgspec.Struct, frozen=True):
    """Nothing comes of an attempt."""


Attempt: TypeAlias = Open | Refuse | Stall


class PollAnswer(msgspec.Struct, frozen=True):
    """What a request of an open session is answered with; no status is an answer that never comes."""

    status: int | None = 200
    http: int = 200
    after: int = 50


class Server(msgspec.Struct, frozen=True):
    """How the server answers, where it is not well.

    Arguments:
        attempts: what becomes of the attempts, in order.
        answers: for an event, or a topic and an event, what the frames are answered with, in order.
        closes_after: milliseconds that a close handshake takes, ``None`` for ever.
        posts: what the posts of long polling are answered with, in order; what is refused is not read.
        polls: what the polls of open sessions are answered with, in order, instead of messages.
        reads_header: whether it knows the session's token as a header, and says so.
    """

    attempts: list[Attempt] = []
    answers: Mapping[str, list[Answer]] = {}
    closes_after: int | None = 0
    posts: list[PollAnswer] = []
    polls: list[PollAnswer | None] = []
    reads_header: bool = False


class Count(msgspec.Struct, frozen=True):
    """A function as params: how often it was called, under a name; as a token it is a text. One call may raise."""

    count: str
    raises_at: int | None = None


class Options(msgspec.Struct, frozen=True):
    """What a client is made with, in milliseconds; ``rxphoenix`` holds what only ours can be told, in seconds."""

    transport: Literal["websocket", "longpoll", "fallback"] = "websocket"
    fallback_after: int = 2500
    remembered: bool = False
    params: Any = None
    auth_token: str | Count | None = None
    timeout: int = 10_000
    heartbeat_interval: int = 30_000
    reconnect_after: list[int] | None = None
    rejoin_after: list[int] | None = None
    rxphoenix: Mapping[str, Any] = {}


Step: TypeAlias = UserStep | Lose | Hang | Say | Binary | Raw | EndSession | Sleep


class Scenario(msgspec.Struct, frozen=True):
    """One scenario.

    Arguments:
        name: what is seen.
        script: what happens at which millisecond, in order; the last one is the end.
        server: how the server answers.
        options: what the client is made with.
        differs: for a row of the table, the lines of the two traces that are not the same.
    """

    name: str
    script: Mapping[int, list[Step]]
    server: Server = Server()
    options: Options = Options()
    differs: Mapping[str, str] = {}
