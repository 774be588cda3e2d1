"""A page of one's own beside the program that it shows, and the page that has all pieces."""

# pyright: strict

from __future__ import annotations

from typing import assert_type

import panel as pn
from panel.viewable import Viewable
from reactivex import operators as ops

from rxphoenix import Payload, Socket
from rxphoenix.dashboard import (
    PageServer,
    Piece,
    dashboard,
    message_log,
    presence_table,
    rate_chart,
    state_timeline,
)


def celsius(reading: Payload) -> float:
    return float(reading["celsius"])


async def main(url: str) -> list[str]:
    seen: list[str] = []
    async with Socket(url) as socket:
        kitchen = socket.channel("sensor:kitchen")
        warmth = kitchen.on("reading").pipe(ops.map(celsius))
        assert_type(state_timeline(socket), Piece)
        assert_type(dashboard(socket, kitchen), Viewable)

        def page() -> pn.Column:
            room = socket.channel("room:tea")
            return pn.Column(rate_chart(warmth), message_log(warmth), presence_table(room.presence()))

        async with PageServer(page, port=0) as server:
            assert_type(server.url, str)
            seen.append(server.url.rpartition(":")[0])
            await kitchen.pipe(ops.first())
    return seen
