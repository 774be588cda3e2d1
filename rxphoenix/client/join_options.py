"""What a join is made with, and when two of them ask for different things.

What lives here: the options of one join. What does not: joining (``join.py``).
"""

from __future__ import annotations

from typing import Any

import msgspec

from rxphoenix.client.provider import Provider
from rxphoenix.client.resume import Resume
from rxphoenix.protocol.backoff import Delay

__all__ = ["JoinOptions"]


class JoinOptions(msgspec.Struct, frozen=True):
    """What a join is made with.

    Arguments:
        params: the join params; they compare by what the user gave. Encoded, unless a cursor may be added to them.
        explicit: whether the user gave any.
        timeout: seconds that the server may take to answer.
        retry_refused: the user's delay after a refusal, ``None`` for giving up.
        resume: what is added to the params of a rejoin.
    """

    params: Provider[Any]
    explicit: bool
    timeout: float
    retry_refused: Delay | None
    resume: Resume | None = None

    def differs_from(self, other: JoinOptions) -> bool:
        """Whether it asks, explicitly, for other params."""
        mine, yours = self.params.given, other.params.given
        return self.explicit and ((mine is not yours and mine != yours) or self.resume != other.resume)
