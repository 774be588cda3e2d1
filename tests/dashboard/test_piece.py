"""A piece watches while it is shown, and sends looks at the pace of whoever draws them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import panel
import pytest
from reactivex import Observable, Subject

from rxphoenix.dashboard import Piece, channel_table, dashboard, message_log, push_form, rate_chart
from rxphoenix.testing import World, marbles


def sent(piece: Piece) -> tuple[int, int]:
    """The number of the look that was sent last, and how many messages it tells of."""
    look = json.loads(piece.look)
    return look["number"], look["look"]["total"]


def shown(m: World, stream: Observable[Any]) -> tuple[Piece, Any]:
    piece = message_log(stream, scheduler=m.scheduler)
    return piece, piece.get_root()


def test_it_watches_while_a_page_shows_it() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        stream = m.hot("-a-b-c-d")
        piece, first = shown(m, stream)
        m.run(until=0.2)
        second = piece.get_root()
        piece._cleanup(first)
        m.run(until=0.4)
        piece._cleanup(second)
        m.run(until=0.6)
        third = piece.get_root()
        m.run(until=0.8)
        piece._cleanup(third)
        m.expect_subscriptions(stream).to_be("^---!", "------^-!")


def test_looks_wait_until_the_last_was_drawn_and_only_the_latest_waits() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        piece, root = shown(m, m.hot("-a----b----c----d"))
        assert sent(piece) == (1, 0)
        m.run(until=1.3)
        assert sent(piece) == (1, 0)
        piece._handle_msg({"drawn": 1})
        assert sent(piece) == (2, 3)
        piece._handle_msg({"drawn": 2})
        assert sent(piece) == (2, 3)
        m.run(until=2.0)
        assert sent(piece) == (3, 4)
        piece._cleanup(root)


def test_a_look_that_was_lost_is_sent_again() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        piece, root = shown(m, m.hot("-a---------b"))
        piece._handle_msg({"drawn": 1, "again": True})  # it has all that there is
        assert sent(piece) == (1, 0)
        m.run(until=0.8)
        assert sent(piece) == (2, 1)
        piece._handle_msg({"drawn": 1, "again": True})
        assert sent(piece) == (3, 1)
        m.run(until=1.6)
        assert sent(piece) == (3, 1)
        piece._handle_msg({"drawn": 1, "again": True})
        assert sent(piece) == (4, 2)
        piece._cleanup(root)


def test_what_was_never_sent_cannot_be_drawn() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        piece, root = shown(m, m.hot("-a----b----c"))
        piece._handle_msg({"drawn": 7})
        m.run(until=1.3)
        assert sent(piece) == (2, 1)
        piece._cleanup(root)


def test_half_a_character_from_a_page_stops_nothing() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        piece, root = shown(m, m.hot("-"))
        piece._handle_msg({"drawn": 1})
        piece._handle_msg({"filter": "\ud83d"})
        assert json.loads(piece.look)["look"]["filter"] == "\ud83d"
        assert piece.look.isascii()
        piece._cleanup(root)


def test_what_a_page_says_is_told_to_the_instrument_while_it_is_shown() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        piece, root = shown(m, m.hot("-"))
        piece._handle_msg({"drawn": 1})
        piece._handle_msg({"filter": "lobby"})
        assert json.loads(piece.look)["look"]["filter"] == "lobby"
        piece._cleanup(root)
        before = piece.look
        for nonsense in ({"filter": "x"}, None, "drawn", ["drawn"], {"drawn": "1"}):
            piece._handle_msg(nonsense)
        assert piece.look == before


def test_pieces_stand_in_a_layout() -> None:
    with marbles(frame=0.1, horizon=1) as m:
        stream = m.hot("-a-b-c-d")
        layout = panel.Column(rate_chart(stream, scheduler=m.scheduler), message_log(stream, scheduler=m.scheduler))
        root = layout.get_root()
        m.run(until=0.2)
        layout._cleanup(root)
        m.expect_subscriptions(stream).to_be("^-!", "^-!")


def test_mistakes_are_told_at_the_call() -> None:
    with marbles() as m:
        socket, other = m.phoenix().socket(), m.phoenix().socket()
        for make in (channel_table, push_form, lambda *channels: dashboard(socket, *channels)):
            with pytest.raises(ValueError, match="give at least one"):
                make()
            with pytest.raises(ValueError, match="several sockets"):
                make(socket.channel("room:a"), other.channel("room:a"))
        with pytest.raises(ValueError, match="another socket"):
            dashboard(socket, other.channel("room:a"))


def test_a_piece_outlives_a_loop() -> None:
    stream = Subject[int]()
    piece = message_log(stream)

    async def show(number: int) -> int:
        root = piece.get_root()
        stream.on_next(number)
        piece._handle_msg({"drawn": 1})
        piece._handle_msg({"pause": False})  # a button does not wait for the clock
        piece._cleanup(root)
        return sent(piece)[1]

    assert [asyncio.run(show(1)), asyncio.run(show(2))] == [1, 2]
