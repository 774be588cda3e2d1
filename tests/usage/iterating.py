"""Streams in loops: ``async for``, with a buffer that may overflow."""

# pyright: strict

from __future__ import annotations

from typing import Any, assert_type

from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import Iteration, Message, Overflow, Socket, SocketState, iterate


def body(message: Message) -> str:
    return str(message.payload["body"])


def is_new(message: Message) -> bool:
    return message.event == "new_msg"


async def main(url: str) -> list[str]:
    said: list[str] = []
    async with Socket(url, params={"user": "ann"}) as socket:
        room = socket.channel("room:tea")
        bodies: Observable[str] = room.pipe(ops.filter(is_new), ops.map(body))
        assert_type(iterate(room), Iteration[Message])
        assert_type(iterate(room.on("new_msg")), Iteration[Any])
        async with iterate(bodies, buffer=10, overflow=Overflow.DROP_OLDEST) as items:
            assert_type(items, Iteration[str])
            await room.push("new_msg", {"body": "one"})
            await room.push("new_msg", {"body": "two"})
            async for text in items:
                assert_type(text, str)
                said.append(text)
                if text == "two":
                    break
            said.append(f"dropped {items.dropped}")
        async for state in iterate(socket.state):
            assert_type(state, SocketState)
            said.append(state.value)
            break
    return said
