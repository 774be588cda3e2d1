"""A program without an event loop: waiting, iterating, callbacks on another thread."""

# pyright: strict

from __future__ import annotations

import asyncio
import queue
from typing import Any, assert_type

import msgspec
from reactivex import operators as ops

from rxphoenix import (
    Background,
    Channel,
    Iteration,
    JoinRefused,
    PushRefused,
    Single,
    Socket,
    SocketState,
    Stream,
    background,
    iterate,
)


class NewMsg(msgspec.Struct):
    user: str
    body: str


class Receipt(msgspec.Struct):
    id: int


def script(url: str) -> list[str]:
    said: list[str] = []
    inbox: queue.SimpleQueue[NewMsg] = queue.SimpleQueue()
    with background() as bg:
        assert_type(bg, Background)
        socket = bg.socket(url, params={"user": "ann"}, timeout=5)
        assert_type(socket, Socket)
        assert_type(socket.state.value, SocketState)
        room = socket.channel("room:tea")
        assert_type(room, Channel)
        news = room.on("new_msg", type=NewMsg)
        assert_type(news, Stream[NewMsg])
        with news.subscribe(inbox.put), room.hold() as reply:
            said.append(str(reply["topic"]))
            pushed = room.push("new_msg", {"body": "one"}, reply_type=Receipt)
            assert_type(pushed, Single[Receipt])
            receipt = pushed.run(timeout=5)
            assert_type(receipt, Receipt)
            said.append(f"id {receipt.id}")
            message = inbox.get(timeout=5)
            said.append(f"{message.user}: {message.body}")
        with iterate(news) as items:
            assert_type(items, Iteration[NewMsg])
            room.push("new_msg", {"body": "two"}).run(timeout=5)
            for item in items:
                assert_type(item, NewMsg)
                said.append(item.body)
                break
        first: Any = room.joined.pipe(ops.first()).run()
        said.append(f"attempt {first.attempt}")
        with socket.connect():
            socket.opened().run(timeout=5)
            seconds = socket.ping().run(timeout=5)
            assert_type(seconds, float)
            said.append(socket.state.value)
        try:
            with socket.channel("room:secret", {"password": "guess"}).hold():
                said.append("never")
        except JoinRefused as refusal:
            said.append(refusal.response["reason"])
        try:
            room.push("new_msg", {"body": ""}).run(timeout=5)
        except PushRefused as refused:
            said.append(str(refused.status))
    return said


async def main(url: str) -> list[str]:
    return await asyncio.to_thread(script, url)
