"""Watching a socket: its state, messages, latency and errors, and a crash that the subscription survives."""

# pyright: strict

from __future__ import annotations

from typing import assert_type

from reactivex import operators as ops

from rxphoenix import (
    Channel,
    ChannelCrashed,
    Fault,
    FaultStream,
    HotStream,
    Joined,
    Lease,
    Message,
    Single,
    Socket,
    SocketState,
    StateStream,
    stepped,
)


def is_rejoin(joined: Joined) -> bool:
    return joined.rejoin


async def main(url: str) -> list[str]:
    seen: list[str] = []
    async with Socket(url, rejoin_after=stepped(0.01)) as socket:
        assert_type(socket.state, StateStream[SocketState])
        assert_type(socket.messages, HotStream[Message])
        assert_type(socket.latency, HotStream[float])
        assert_type(socket.errors, FaultStream)

        def note_state(state: SocketState) -> None:
            seen.append(state.value)

        def note_fault(fault: Fault) -> None:
            assert_type(fault.error, Exception)
            if isinstance(fault.error, ChannelCrashed):
                seen.append(f"{fault.topic} crashed: {fault.error.payload}")

        socket.state.subscribe(note_state)
        socket.errors.subscribe(note_fault)

        with socket.connect() as lease:
            assert_type(lease, Lease)
            assert_type(socket.opened(), Single[None])
            await socket.opened()
            seconds = await socket.ping()
            assert_type(seconds, float)
            seen.append("pong" if seconds >= 0 else "?")

            room = socket.channel("room:tea")
            async with room.hold():
                await room.push("crash", reply=False)
                again = await room.joined.pipe(ops.first(is_rejoin))
                seen.append(f"joined again by {again.reply['user']}")
                assert_type(socket.channels, tuple[Channel, ...])
                seen.append(", ".join(channel.topic for channel in socket.channels))
    return seen
