"""Joining: holding a room, watching its joins and its state, leaving it, and a join that is refused."""

# pyright: strict

from __future__ import annotations

from typing import Any, assert_type

from reactivex import operators as ops

from rxphoenix import ChannelState, Joined, JoinRefused, Socket, Stream


async def main(url: str) -> list[str]:
    seen: list[str] = []
    async with Socket(url) as socket:
        room = socket.channel("room:tea")
        assert_type(room.joined, Stream[Joined])
        assert_type(room.state.value, ChannelState)

        def note_state(state: ChannelState) -> None:
            seen.append(state.value)

        room.state.subscribe(note_state)
        async with room.hold() as reply:
            assert_type(reply, Any)
            seen.append(str(reply["topic"]))
            joined = await room.joined.pipe(ops.first())
            assert_type(joined, Joined)
            seen.append(f"rejoin {joined.rejoin}, attempt {joined.attempt}")
            assert_type(await room.leave(), None)

        try:
            async with socket.channel("room:secret", {"password": "guess"}).hold():
                pass
        except JoinRefused as refused:
            seen.append(str(refused.response["reason"]))
    return seen
