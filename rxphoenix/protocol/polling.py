r"""What long polling requests and their answers carry: frames as the bodies of posts, messages as frames.

```text
frames:  [..] [..] bin [..]          three texts and a binary frame
body:    [..]\n[..]\nAAEB..\n[..]    one a line, binary as base64: at most 100 in one post
```

What lives here: the two formats. What does not: who asks when (``transports/longpoll.py``).

Source: the "Long polling" part of the protocol page.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Iterator

import msgspec

from rxphoenix.errors import MalformedFrame
from rxphoenix.protocol.message import Frame

__all__ = ["MOST_FRAMES", "Answer", "Batch", "read_answer", "take_batch"]

MOST_FRAMES = 100
"""How many frames a server takes in one post; it drops the rest without a word."""

_MOST_BYTES = 1_000_000
"""How many bytes several frames may have together: a post must arrive in time, on a slow line too."""

_LINES = "application/x-ndjson"
_ONE = "application/json"
_BINARY_KINDS = ("\x00", "\x01", "\x02")


class Answer(msgspec.Struct, frozen=True):
    """What the body of an answer says.

    Arguments:
        status: the status that matters; the one of HTTP is 200 in all but real errors.
        token: the token of the session, in the answer to a poll.
        messages: what the server sends, in order.

    Its repr does not show the token.
    """

    status: int
    token: str | None = None
    messages: list[str] = []

    def __repr__(self) -> str:
        return f"Answer({self.status}, {len(self.messages)} messages)"

    def frames(self) -> Iterator[Frame]:
        """The messages as frames.

        A binary message arrives as it is inside a string, if it happens to be UTF-8: its first byte tells, since no
        JSON begins with one of these.
        """
        for message in self.messages:
            yield Frame(message.encode(), binary=message.startswith(_BINARY_KINDS))


_decoder = msgspec.json.Decoder(Answer)

_TOKEN = re.compile(r"[!-~]{1,4096}")
"""What a token may be, since it goes into headers and URLs; those of Phoenix are base64 and dots."""


def read_answer(body: bytes) -> Answer:
    """Read the body of an answer; raises ``MalformedFrame`` for what is not one."""
    try:
        answer = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        answer = None  # and nothing of the error: its words are about the server's data
    if answer is None:
        raise MalformedFrame("not an answer of long polling", size=len(body))
    if answer.token is not None and not _TOKEN.fullmatch(answer.token):
        raise MalformedFrame("an answer of long polling whose token cannot be sent back", size=len(body))
    return answer


class Batch(msgspec.Struct, frozen=True):
    """What one post carries.

    Arguments:
        body: its body, never empty.
        content_type: what must be its content type exactly.
        count: how many frames it carries.
        size: how many bytes they have.
    """

    body: bytes
    content_type: str
    count: int
    size: int


def take_batch(waiting: deque[Frame], most: int = MOST_FRAMES) -> Batch:
    """Take from the front of what waits as many frames as may go in one post.

    Text that is no JSON array in one line, as that of serializer 1.0.0, goes alone and as it is: among lines it would
    be taken for base64.

    Arguments:
        waiting: the frames, at least one; what is taken is removed.
        most: how many frames to take at most.
    """
    lines: list[bytes] = []
    size = taken = 0
    while waiting and len(lines) < most:
        frame = waiting[0]
        if not frame.binary and (not frame.data.startswith(b"[") or b"\n" in frame.data):
            if lines:
                break
            waiting.popleft()
            return Batch(frame.data, _ONE, 1, len(frame.data))
        line = base64.b64encode(frame.data) if frame.binary else frame.data
        size += len(line) + 1
        if lines and size > _MOST_BYTES:
            break
        lines.append(line)
        taken += len(frame.data)
        waiting.popleft()
    return Batch(b"\n".join(lines), _LINES, len(lines), taken)
