"""The state of a channel, as a stream that can be watched whether something lives on its topic or not.

What lives here: watching it. What does not: how it comes about (``join.py``, ``rxphoenix.protocol.lifecycle``).
"""

from __future__ import annotations

from rxphoenix.client.context import Context
from rxphoenix.client.subjects import Stream, Subscriber
from rxphoenix.client.topic import Topics
from rxphoenix.protocol.lifecycle import ChannelState

__all__ = ["ChannelStateView"]


class ChannelStateView(Stream[ChannelState]):
    """The state of a channel, whether the topic is live or not: replays the current one, then emits the changes.

    Passive: watching it joins nothing. It completes when the socket closes.

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

    Example:
        ```python
        from rxphoenix import Socket

        channel = Socket("ws://localhost:4000/socket").channel("room:lobby")
        assert channel.state.value == "closed"
        ```
    """

    def __init__(self, context: Context, topics: Topics, topic: str) -> None:
        super().__init__(context, topic)
        self._topics = topics
        self._name = topic

    @property
    def value(self) -> ChannelState:
        """The current state."""
        self._context.notice_the_end()
        topic = self._topics.find(self._name)
        return ChannelState.CLOSED if topic is None else topic.state

    def _attach(self, subscriber: Subscriber[ChannelState]) -> None:
        if self._topics.link.closed:
            self._context.dispatcher.emit(subscriber.next, ChannelState.CLOSED)
            self._context.deliver_soon(subscriber.complete)
        else:
            self._topics.get(self._name).watch(subscriber)
