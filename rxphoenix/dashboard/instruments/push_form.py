"""A push that somebody has typed, and its reply.

What lives here: reading what was typed, and waiting. What does not: the push itself (``Channel.request``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from reactivex.disposable import SerialDisposable

from rxphoenix import Channel, Payload, Reply
from rxphoenix.dashboard.instruments.channel_states import check_channels
from rxphoenix.dashboard.instruments.instrument import Instrument, Words, reason
from rxphoenix.dashboard.instruments.text import as_text

__all__ = ["PushForm", "PushFormLook", "ReplyLook"]


class ReplyLook(msgspec.Struct, frozen=True):
    """What has become of a push.

    Arguments:
        topic: where it was pushed to.
        event: its event.
        outcome: ``"waiting"``, ``"replied"``, or ``"failed"``: there is no reply.
        status: the status of the reply.
        text: the response as JSON, or why there is none.
        seconds: how long it took.
    """

    topic: str
    event: str
    outcome: Literal["waiting", "replied", "failed"]
    status: str = ""
    text: str = ""
    seconds: float = 0.0


class PushFormLook(msgspec.Struct, frozen=True):
    """The form.

    Arguments:
        topics: where can be pushed to.
        problem: what is wrong with what was typed, ``None`` if nothing is.
        reply: what has become of the last push.
    """

    topics: list[str]
    problem: str | None
    reply: ReplyLook | None


class PushForm(Instrument):
    """Pushes what a page tells it to: ``{"push": {"topic": ..., "event": ..., "payload": JSON as text}}``.

    Arguments:
        channels: where can be pushed to.

    Raises:
        ValueError: there is no channel, or they are of several sockets.
    """

    def __init__(self, channels: Sequence[Channel]) -> None:
        check_channels(channels)
        super().__init__(channels[0].socket)
        self._channels = {channel.topic: channel for channel in channels}
        self._problem: str | None = None
        self._reply: ReplyLook | None = None
        self._pending = SerialDisposable()

    def _watch(self) -> None:
        self._pending = SerialDisposable()
        self._keep(self._pending)

    def told(self, words: Words) -> None:
        """Push."""
        match words:
            case {"push": {"topic": str(topic), "event": str(event), "payload": str(payload)}}:
                self._push(topic, event.strip(), payload)
            case _:
                return
        self._changed(show=True)

    def _push(self, topic: str, event: str, payload: str) -> None:
        try:
            channel = self._channels[topic]
            request = channel.request(event, _read(payload))
        except KeyError:
            self._problem = f"there is no channel {topic!r}"
            return
        except ValueError as error:
            self._problem = str(error)
            return
        self._problem, self._reply = None, ReplyLook(topic, event, "waiting")
        began = self.now

        def receive(reply: Reply) -> None:
            self._reply = ReplyLook(topic, event, "replied", str(reply.status), _text(reply.response), self.now - began)
            self._changed(show=True)

        def fail(error: Exception) -> None:
            self._reply = ReplyLook(topic, event, "failed", "", reason(error), self.now - began)
            self._changed(show=True)

        self._pending.disposable = request.subscribe(receive, fail)

    def _look(self) -> PushFormLook:
        return PushFormLook(list(self._channels), self._problem, self._reply)


def _read(text: str) -> Payload:
    try:
        return msgspec.json.decode(text.strip() or "{}")
    except msgspec.DecodeError as error:
        raise ValueError(f'the payload is no JSON: {error}; write {{"body": "hello"}}, for example') from None


def _text(value: Payload) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else as_text(value)
