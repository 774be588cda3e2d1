"""Flow control: holding back what the server sends while a consumer of it has no room.

A consumer without room *blocks* its socket. While somebody does, the connection is not read, so that the network pushes
back on the server, unless an answer is awaited: what would bring the answer is behind what is held back, and who waits
for it may be the consumer itself.

```text
frame                         1s
phoenix room:a                -abcd
replies seen@room:a, 4 times  -z
                              loop(channel("room:a").on("news"), lambda news: channel("room:a").push("seen"),
                                   buffer=1, overflow=overflow.BLOCK)
subscribed                    ^ 8s !
observed                      -pqrs
sent                          jxxxx 4s l
a = event("news", 1)   b = event("news", 2)   c = event("news", 3)   d = event("news", 4)   z = {}
p = 1   q = 2   r = 3   s = 4   j = "phx_join"   x = "seen"   l = "phx_leave"
```
Marbles: `marbles/overflow-block-push.marble`

A server gives up on a client that does not read for long. So a block has a time: when its connection was held back for
so long without a break, the block is over, and its consumer is told.

What lives here: when a connection is held back. What does not: how (the transports), and who has no room (bridges).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from rxphoenix.client.timer import TOLERANCE, Timer

if TYPE_CHECKING:
    from rxphoenix.client.context import Context

__all__ = ["Block", "Flow", "Heldable"]


class Heldable(Protocol):
    """An open connection, as flow control sees it."""

    @property
    def can_be_held(self) -> bool:
        """Whether its transport can stop reading."""
        ...

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for an answer of the server's."""
        ...

    def hold_back(self, held: bool) -> None:
        """Stop reading, or read on."""
        ...


class Block:
    """One consumer's means to hold back a socket; made once, used whenever it has no room, from any thread.

    Arguments:
        context: the surroundings of the socket.
        seconds: how long it may be held back without a break.
        on_expired: called with the context when it was; the block is over then.
        on_impossible: called instead where the transport cannot be held back.
    """

    __slots__ = ("_context", "_on_expired", "_seconds", "_since", "_timer", "on_impossible")

    def __init__(
        self,
        context: Context,
        seconds: float,
        on_expired: Callable[[Context], object],
        on_impossible: Callable[[], object],
    ) -> None:
        self._context = context
        self._seconds = seconds
        self._on_expired = on_expired
        self.on_impossible = on_impossible
        self._since: float | None = None
        self._timer = Timer(context)

    def begin(self) -> None:
        """Hold the socket back, for as long as it may be from now on."""
        self._context.marshal(self._begin)

    def _begin(self) -> None:
        self._context.flow.begin(self)

    def end(self) -> None:
        """Hold it back no longer."""
        self._context.marshal(self._end)

    def _end(self) -> None:
        self._context.flow.end(self)

    def dispose(self) -> None:
        """Never hold it back again."""
        self._context.marshal(self._dispose)

    def _dispose(self) -> None:
        self._end()
        self._timer.stop()

    # -- what the flow says --------------------------------------------------------------------------------------

    def held(self) -> None:
        """Reading has stopped."""
        self._since = self._context.clock.monotonic()
        if not self._timer.is_running:  # one that still runs looks at the time when it fires
            self._timer.start(self._seconds, self._look)

    def read(self) -> None:
        """Reading goes on."""
        self._since = None

    def _look(self) -> None:
        if self._since is None:
            return
        remaining = self._seconds - self._context.clock.elapsed(self._since)
        if remaining > TOLERANCE:
            self._timer.start(remaining, self._look)
        else:
            self._on_expired(self._context)
            self._end()


class Flow:
    """The flow control of one socket.

    Arguments:
        context: the surroundings of the socket.
    """

    __slots__ = ("_before", "_connection", "_context", "_since", "blocks", "is_held")

    def __init__(self, context: Context) -> None:
        self._context = context
        self.blocks: dict[Block, None] = {}
        """Who has no room at present."""
        self.is_held = False
        """Whether the connection is held back."""
        self._connection: Heldable | None = None
        self._since = 0.0
        self._before = 0.0

    def held_seconds(self) -> float:
        """For how many seconds the connections of this socket were held back, in all."""
        return self._before + (self._context.clock.elapsed(self._since) if self.is_held else 0.0)

    # -- what consumers say --------------------------------------------------------------------------------------

    def begin(self, block: Block) -> None:
        """A consumer has no room."""
        self.blocks[block] = None
        if self.is_held:
            block.held()
        else:
            self.update()

    def end(self, block: Block) -> None:
        """A consumer has room again, or needs none any more."""
        if self.blocks.pop(block, block) is None:
            block.read()
            self.update()

    # -- what the connection says --------------------------------------------------------------------------------

    def opened(self, connection: Heldable) -> None:
        """The socket has this connection from now on."""
        self._connection = connection
        self.update()

    def over(self, connection: Heldable) -> None:
        """It has ended, or is asked to."""
        if self._connection is connection:
            self._read()
            self._connection = None

    def abandon(self) -> None:
        """Forget the consumers of a loop that was closed under us."""
        self.blocks.clear()

    def update(self) -> None:
        """See whether the connection is to be held back; to be called when that may have changed."""
        connection = self._connection
        if connection is None or not self.blocks or connection.is_awaited:
            self._read()
        elif not connection.can_be_held:
            blocks, self.blocks = self.blocks, {}
            for block in blocks:
                block.on_impossible()
        elif not self.is_held:
            self.is_held = True
            self._since = self._context.clock.monotonic()
            connection.hold_back(True)
            for block in tuple(self.blocks):
                block.held()

    def _read(self) -> None:
        if self.is_held:
            assert self._connection is not None
            self._before = self.held_seconds()
            self.is_held = False
            for block in tuple(self.blocks):
                block.read()
            self._connection.hold_back(False)
