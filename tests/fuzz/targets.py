"""What is fuzzed: each target takes any bytes, and raises if something is promised that does not hold.

What lives here: the promises, and bytes to begin with. What does not: how bytes are found (``__main__.py``, the tests).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from rxphoenix import JSONSerializer, JSONSerializerV1, MalformedFrame, Message, Roster
from rxphoenix.client.reply import read_reply
from rxphoenix.protocol.message import Frame
from rxphoenix.protocol.polling import read_answer, take_batch
from rxphoenix.protocol.serializer import Serializer
from rxphoenix.testing import marbles
from rxphoenix.transports.http import retry_after_seconds
from tests.client.play import Play
from tests.fuzz.source import Decisions

__all__ = ["TARGETS", "Target"]


class Target(NamedTuple):
    """What is fuzzed, and bytes to begin with.

    Arguments:
        run: takes any bytes, and raises if a promise is broken.
        seeds: bytes that lead somewhere.
    """

    run: Callable[[bytes], None]
    seeds: list[bytes]


# -- decoders --------------------------------------------------------------------------------------------------------


def _check_words(error: MalformedFrame) -> None:
    assert len(str(error)) < 1_000
    assert str(error).isprintable()


def _decode(serializer: Serializer, frame: Frame) -> None:
    """A frame is a message or a ``MalformedFrame``; a message that is written again is read as the same one."""
    try:
        message = serializer.decode(frame)
        payload = message.payload
    except MalformedFrame as error:
        _check_words(error)
        return
    assert isinstance(message.topic, str)
    assert isinstance(message.event, str)
    assert isinstance(message.ref, str | None)
    assert isinstance(message.join_ref, str | None)
    with contextlib.suppress(RecursionError):  # of a payload as deep as could be read
        assert repr(message)
    with contextlib.suppress(MalformedFrame):
        read_reply(message)
    if not frame.binary:
        with contextlib.suppress(ValueError):  # of a payload as deep as could be read
            encoded = serializer.encode_payload(payload)
            again = serializer.decode(
                serializer.encode(message.join_ref, message.ref, message.topic, message.event, encoded)
            )
            assert again == Message(message.join_ref, message.ref, message.topic, message.event, payload)


def decode_text(data: bytes) -> None:
    _decode(JSONSerializer(), Frame(data))


def decode_text_of_1_0_0(data: bytes) -> None:
    _decode(JSONSerializerV1(), Frame(data))


def decode_binary(data: bytes) -> None:
    _decode(JSONSerializer(), Frame(data, binary=True))


def decode_polled(data: bytes) -> None:
    """The body of an answer is one or is malformed; its token can be sent back; its frames go to the decoder."""
    try:
        answer = read_answer(data)
    except MalformedFrame as error:
        _check_words(error)
        return
    assert answer.token is None or (answer.token.isascii() and answer.token.isprintable() and " " not in answer.token)
    for frame in answer.frames():
        _decode(JSONSerializer(), frame)


def write_batches(data: bytes) -> None:
    """What is posted is what was to be sent, never empty, and never too much at once."""
    source = Decisions(data)
    waiting = deque[Frame]()
    while not source.are_over:
        waiting.append(Frame(b"[" * source.randrange(2) + source.bytes(40), binary=bool(source.randrange(2))))
    waiting = deque(frame for frame in waiting if frame.data)
    sent, size = len(waiting), sum(len(frame.data) for frame in waiting)
    while waiting:
        batch = take_batch(waiting, 1 + source.randrange(100))
        assert batch.body
        sent, size = sent - batch.count, size - batch.size
    assert (sent, size) == (0, 0)


def read_retry_after(data: bytes) -> None:
    """A header says a number of seconds or nothing."""
    header, _, now = data.decode("latin-1").partition("\n")
    seconds = retry_after_seconds(header, now)
    assert seconds is None or 0 <= seconds < float("inf")


# -- presence --------------------------------------------------------------------------------------------------------


def follow_presence(data: bytes) -> None:
    """What is said of presence is refused and changes nothing, or the snapshot is what the changes make of it."""
    roster: Roster[Any] = Roster()
    for line in data.split(b"\n"):
        kind, body = line[:1], line[1:]
        if kind == b"l":
            roster.lost()
            continue
        try:
            payload = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        before = roster.snapshot
        try:
            syncs = roster.sync_state(payload) if kind == b"s" else roster.sync_diff(payload)
        except MalformedFrame:
            assert roster.snapshot is before
            continue
        _check_presence(roster, {entry.key for entry in before}, syncs)


def _check_presence(roster: Roster[Any], present: set[str], syncs: list[Any]) -> None:
    for sync in syncs:
        for change in sync.joins:
            assert (change.current is None) == (change.key not in present)
            present.add(change.key)
        for change in sync.leaves:
            assert change.key in present
            if not change.current.metas:
                present.discard(change.key)
        assert {change.key for change in (*sync.joins, *sync.leaves)} <= set(sync.keys)
    snapshot = roster.snapshot
    assert {entry.key for entry in snapshot} == present
    assert len(snapshot) == len(roster) == len(present)
    for entry in snapshot:
        assert roster.get(entry.key) == entry
        assert repr(snapshot)


# -- the whole client ------------------------------------------------------------------------------------------------


def play(data: bytes) -> None:
    """Whatever users and a hostile server do, all that is promised holds: see ``tests/client/play.py``."""
    source = Decisions(data)
    with marbles() as m:
        Play(m, source, hostile=True, steps=60).run(close=bool(source.randrange(2)))


_MESSAGES = [
    b'["1","1","room:a","phx_reply",{"status":"ok","response":{}}]',
    b'["1",null,"room:a","new_msg",{"body":"h\xc3\xa9llo \\u00e9 \\ud83d\\ude00","list":[1,-2.5e3,true,false,null]}]',
    b'[null,null,"room:a","phx_error",{}]',
    b'[null,"7","phoenix","phx_reply",{"status":"ok","response":[]}]',
]
_OBJECT = b'{"topic":"room:a","event":"phx_reply","payload":{"status":"ok","response":{}},"ref":"1","join_ref":null}'
_STATE = b's{"ann":{"metas":[{"phx_ref":"a","x":1},{"phx_ref":"b"}],"name":"Ann"},"bob":{"metas":[{"phx_ref":"c"}]}}'
_DIFF = b'd{"joins":{"cid":{"metas":[{"phx_ref":"d"}]}},"leaves":{"ann":{"metas":[{"phx_ref":"a"}]}}}'

TARGETS: dict[str, Target] = {
    "text": Target(decode_text, _MESSAGES),
    "text-1.0.0": Target(decode_text_of_1_0_0, [_OBJECT]),
    "binary": Target(
        decode_binary,
        [
            b"\x00\x01\x06\x041room:anewsdata",
            b"\x01\x01\x01\x06\x0212room:aokdata",
            b"\x02\x06\x04room:anewsdata",
        ],
    ),
    "polled": Target(
        decode_polled,
        [
            b'{"status":200,"token":"SFMyNTY.x-_","messages":["[\\"1\\",null,\\"a\\",\\"b\\",{}]","\\u0002\\u0001"]}',
            b'{"status":410,"token":"t","messages":[]}',
            b'{"status":204}',
        ],
    ),
    "posted": Target(write_batches, [b"\xff\x05abcdefgh\x00\x07ijk\xff", bytes(range(256))]),
    "retry-after": Target(
        read_retry_after,
        [
            b"120\n",
            b"Wed, 21 Oct 2026 07:28:00 GMT\nWed, 21 Oct 2026 07:27:00 GMT",
            b"Wed, 21 Oct 2026 07:28:00 +9999\n",
        ],
    ),
    "presence": Target(follow_presence, [_STATE + b"\n" + _DIFF, _DIFF + b"\n" + _STATE + b"\nl\n" + _STATE]),
    "client": Target(play, [bytes(range(256)), bytes([7, 130, 9, 200, 31, 64, 255, 0] * 40), b"\xa0\x00\x51" * 100]),
}
