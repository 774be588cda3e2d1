"""Presence for applications: who is on a topic, told to all who joined it.

What lives here: the object that channels track themselves with, and when it tells what changed. What does not: who is
present (``presence_tracker.py``).

Theory of operation. As in a real Phoenix it is not the channel that tells, but something beside it: a change is made at
once and told one turn of the event loop later, when the handler that made it has returned or waits for something. A
push of ``presence_state`` could so overtake the ``presence_diff`` of what it shows, and in the recorded traffic it does
not: hence ``list`` tells what is still untold before it answers.

Source: the recorded traffic's section "Presence".
"""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from rxphoenix.server.app import ServerChannel
from rxphoenix.server.endpoint import Endpoint
from rxphoenix.server.presence_tracker import PresenceDiff, Presences, PresenceTracker

__all__ = ["ServerPresence"]

_logger = logging.getLogger("rxphoenix.server")

_REF_BYTES = 12  # sixteen characters, as the refs of a real Phoenix


class ServerPresence:
    """Keeps who is present on the topics of an endpoint, and broadcasts each change as ``presence_diff``.

    A channel that ends is untracked by itself: it left, crashed, or lost its connection. Subclass it and override
    ``fetch`` to tell more of a key than its metas.

    Arguments:
        endpoint: whose topics.

    Example:
        ```python
        from functools import partial

        from rxphoenix.server import Endpoint, PhoenixServer, ServerChannel, ServerPresence, ServerSocket

        class NamedPresence(ServerPresence):
            def fetch(self, topic, presences):
                return {key: {**presence, "name": key.title()} for key, presence in presences.items()}

        class Room(ServerChannel[ServerSocket]):
            def __init__(self, presence):
                self.presence = presence

            async def join(self, topic, params):
                self.user = params["user"]
                self.send_after(0, "joined")  # who has no reply yet cannot be pushed to
                return {}

            async def handle_info(self, message):
                self.presence.track(self, self.user, {"status": "online"})
                self.push("presence_state", self.presence.list(self.topic))

        endpoint = Endpoint()
        presence = NamedPresence(endpoint)
        endpoint.socket("/socket", ServerSocket, channels={"room:*": partial(Room, presence)})

        async with PhoenixServer(endpoint):
            assert presence.list("room:lobby") == {}
        ```
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._tracker = PresenceTracker(_random_ref)
        self._monitored: set[int] = set()
        self._untold: deque[PresenceDiff] = deque()

    def track(self, channel: ServerChannel[Any], key: str, meta: Mapping[str, Any] | None = None) -> str:
        """Have a channel's client present on its topic until ``untrack``, or until the channel ends.

        Arguments:
            channel: the channel, which may be present under several keys.
            key: as whom; several channels may share it, as the devices of one user do.
            meta: what is to be known of it, a JSON object.

        Returns:
            The ``phx_ref`` of the meta.

        Raises:
            RuntimeError: the channel has ended.
            TypeError: the key is not a string, or the meta not a mapping.
            UnencodablePayload: the meta cannot be written as JSON.
            ValueError: the channel is tracked under this key already.
        """
        process = id(channel)  # a channel need not be hashable; it is untracked before its id can be another's
        if process not in self._monitored:
            channel.port.monitor(lambda: self._ended(process))
            self._monitored.add(process)
        return self._changed(self._tracker.track(process, channel.topic, key, {} if meta is None else meta), key)

    def update(
        self,
        channel: ServerChannel[Any],
        key: str,
        meta: Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]],
    ) -> str:
        """Give a channel's client another meta; clients hear of a leave and a join in one diff.

        Arguments:
            channel: the channel.
            key: as whom it is tracked.
            meta: the new meta, or a function that makes it of the old one.

        Returns:
            The ``phx_ref`` of the new meta; its ``phx_ref_prev`` is that of the old.

        Raises:
            LookupError: the channel is not tracked under this key.
            TypeError: the meta is not a mapping.
            UnencodablePayload: the meta cannot be written as JSON.
        """
        return self._changed(self._tracker.update(id(channel), channel.topic, key, meta), key)

    def untrack(self, channel: ServerChannel[Any], key: str) -> None:
        """Have a channel's client present no longer under a key; nothing happens if it was not."""
        diff = self._tracker.untrack(id(channel), channel.topic, key)
        if diff is not None:
            self._tell_soon(diff)

    def fetch(self, topic: str, presences: Presences) -> Mapping[str, Mapping[str, Any]]:
        """Add to each presence what clients are to know beside its ``metas``; unless overridden, nothing.

        It is asked about whole topics and about both halves of a diff, before they are told. When it raises, ``list``
        does; a diff is lost then, and logged.

        Arguments:
            topic: the topic.
            presences: ``{key: {"metas": [...]}}``; the same keys are to be returned.
        """
        return presences

    def list(self, topic: str) -> Mapping[str, Mapping[str, Any]]:
        """Who is present on a topic: ``{key: {"metas": [...]}}``, what ``presence_state`` shows to who has joined."""
        self._tell()
        return self.fetch(topic, self._tracker.list(topic))

    def _ended(self, process: int) -> None:
        self._monitored.discard(process)
        for diff in self._tracker.end(process):
            self._tell_soon(diff)

    def _changed(self, diff: PresenceDiff, key: str) -> str:
        self._tell_soon(diff)
        return diff.joins[key]["metas"][0]["phx_ref"]

    def _tell_soon(self, diff: PresenceDiff) -> None:
        self._untold.append(diff)
        asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        while self._untold:
            diff = self._untold.popleft()
            try:
                joins, leaves = (half and self.fetch(diff.topic, half) for half in (diff.joins, diff.leaves))
                self._endpoint.broadcast(diff.topic, "presence_diff", {"joins": joins, "leaves": leaves})
            except Exception:
                _logger.exception("a presence_diff of %r was lost", diff.topic)


def _random_ref() -> str:
    return base64.urlsafe_b64encode(os.urandom(_REF_BYTES)).decode()
