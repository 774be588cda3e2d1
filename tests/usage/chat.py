"""A chat: streams through operators, pushes with replies, and one that is not answered."""

# pyright: strict

from __future__ import annotations

from typing import Any, assert_type

from reactivex import Observable
from reactivex import operators as ops

from rxphoenix import Channel, Message, PushTimeout, Reply, Single, Socket, Stream


def body(message: Message) -> str:
    return str(message.payload["body"])


def is_new(message: Message) -> bool:
    return message.event == "new_msg"


async def main(url: str) -> list[str]:
    async with Socket(url, params={"user": "ann"}) as socket:
        room = socket.channel("room:tea")
        assert_type(room, Channel)
        assert_type(room.on("new_msg"), Stream[Any])

        said: list[str] = []
        bodies = room.pipe(ops.filter(is_new), ops.map(body))
        assert_type(bodies, Observable[str])
        subscription = bodies.subscribe(said.append)

        pushing = room.push("new_msg", {"body": "hello"})
        assert_type(pushing, Single[Any])
        response = await pushing
        assert_type(response, Any)
        said.append(f"id {response['id']}")

        reply = await room.request("echo", {"body": "hi"})
        assert_type(reply, Reply)
        said.append(f"{reply.status} {reply.response}")

        nothing = room.push("shout", {"body": "!"}, reply=False)
        assert_type(nothing, Single[None])
        await nothing

        try:
            await room.push("slow", {"ms": 60_000}, timeout=0.05)
        except PushTimeout as error:
            assert_type(error.sent, bool)
            said.append(f"no answer to {error.event}, sent {error.sent}")
        subscription.dispose()
    return said
