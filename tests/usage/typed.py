"""Typed events, pushes and responses: what a checker makes of each kind of type."""

# pyright: strict

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

import attrs
import msgspec
import pydantic
from reactivex import operators as ops

from rxphoenix import PayloadMismatch, Resume, Single, Socket, Stream


class NewMsg(msgspec.Struct):
    id: int
    user: str
    body: str


@dataclass
class Said:
    body: str


class Receipt(TypedDict):
    id: int


@attrs.define
class Echo:
    body: str


class Checked(pydantic.BaseModel):
    body: str


async def main(url: str) -> list[str]:
    seen: list[str] = []
    async with Socket(url) as socket:
        room = socket.channel("room:tea", resume=Resume("last_message_id", lambda message: None))
        messages = room.on("new_msg", type=NewMsg)
        assert_type(messages, Stream[NewMsg])
        assert_type(room.on("new_msg"), Stream[Any])
        assert_type(room.on("new_msg", type=list[NewMsg], strict=True), Stream[list[NewMsg]])

        def note(message: NewMsg) -> None:
            seen.append(f"{message.user}: {message.body}")

        messages.pipe(ops.do_action(note)).subscribe()
        receipt = room.push("new_msg", Said("hello"), reply_type=Receipt)
        assert_type(receipt, Single[Receipt])
        seen.append(f"id {(await receipt)['id']}")
        assert_type(await room.push("echo", Echo("attrs"), reply_type=Echo), Echo)
        checked = await room.push("echo", Checked(body="pydantic"), reply_type=Checked)
        assert_type(checked, Checked)
        seen.append(checked.body)
        try:
            await room.push("echo", {"body": 3}, reply_type=Echo)
        except PayloadMismatch as mismatch:
            seen.append(mismatch.type)
    return seen
