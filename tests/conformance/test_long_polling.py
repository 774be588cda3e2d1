from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.conformance.raw import PollAnswer, RawLongPoll
from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.watching import PATIENCE, Seen
from tests.conformance.wire import NOTHING, OpenSocket, only_2_0_0, only_longpoll

OK, NO_CONTENT, REFUSED, TIMEOUT, GONE = 200, 204, 403, 408, 410

SHORT = "/short"
"""Where a window is 500 ms, and a session that nobody polls lives for 0.75 to 1.5 s."""


def heartbeat(ref: str) -> list[Any]:
    """What any session answers."""
    return [None, ref, "phoenix", "heartbeat", NOTHING]


def reply(join_ref: str | None, ref: str, topic: str, response: Any = NOTHING) -> list[Any]:
    """An answer, as it is on the wire."""
    return [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": response}]


async def messages(raw: RawLongPoll, number: int) -> list[Any]:
    """So many messages, in as many polls as it takes."""
    seen: list[Any] = []
    while len(seen) < number:
        answer = await raw.poll()
        assert answer.status in (OK, NO_CONTENT)
        seen += answer.messages
    return seen


async def is_alive(raw: RawLongPoll) -> bool:
    """Whether the session still takes what is posted."""
    return (await raw.post(heartbeat("alive"))).status == OK


# -- sessions ----------------------------------------------------------------------------------------------------


async def test_a_request_without_a_session_opens_one(phoenix: Target):
    """Long polling: without a session 410 and a token; with it 200 and messages; HTTP says 200."""
    topic = a_topic()
    async with phoenix.long_polling() as raw:
        await raw.open()
        assert await raw.post(["1", "1", topic, "phx_join", {}], heartbeat("2")) == PollAnswer(200, OK, None, [])
        assert await messages(raw, 2) == [
            reply("1", "1", topic, {"params": {}, "topic": topic}),
            reply(None, "2", "phoenix"),
        ]


@pytest.mark.parametrize(
    ("query", "http_status", "status"),
    [
        ("vsn=2.0.0&token=bad", 200, REFUSED),
        ("vsn=2.0.0&token=unauthorized", 200, REFUSED),
        ("vsn=2.0.0&token=crash", 500, None),
        ("vsn=9.0.0", 200, REFUSED),
    ],
)
async def test_a_refusal_is_in_the_body_and_a_crash_is_not(
    phoenix: Target, query: str, http_status: int, status: int | None
):
    """Connecting: long polling answers ``{"status": 403}`` for all but the crash."""
    async with phoenix.long_polling(query=query) as raw:
        assert await raw.poll() == PollAnswer(http_status, status, None, [])


@pytest.mark.parametrize("token", ["garbage", "SFMyNTY.garbage.garbage"])
async def test_a_token_of_no_session_opens_another_and_takes_no_post(phoenix: Target, token: str):
    """Long polling: 410 while holding a token; to a POST too."""
    async with phoenix.long_polling() as raw:
        raw.token = token
        assert await raw.post(heartbeat("1")) == PollAnswer(200, GONE, None, [])
        answer = await raw.poll()
        assert (answer.status, answer.token == token) == (GONE, False)
        raw.token = answer.token
        assert await is_alive(raw)


async def test_the_token_may_come_in_a_header(phoenix: Target):
    """Long polling: the newest servers also take the header ``X-Phoenix-Longpoll-Token`` (1.8.10 on)."""
    async with phoenix.long_polling() as raw:
        await raw.open()
        assert (await raw.post(heartbeat("1"), by_header=True)).status == OK
        answer = await raw.poll(by_header=True)
        assert answer == PollAnswer(200, OK, raw.token, [reply(None, "1", "phoenix")])


async def test_a_poll_waits_for_a_message_or_the_end_of_its_window(phoenix: Target):
    """Long polling: 204 with no messages when the window is over."""
    topic = a_topic()
    async with phoenix.long_polling(SHORT) as raw:
        await raw.open()
        await raw.post(["1", "1", topic, "phx_join", {}])
        await messages(raw, 1)
        assert await raw.poll() == PollAnswer(200, NO_CONTENT, raw.token, [])
        poll = asyncio.ensure_future(raw.poll())
        await raw.post(["1", "2", topic, "push_later", {"n": 1, "ms": 200}])
        assert (await poll).messages == [reply("1", "2", topic)]
        assert await messages(raw, 1) == [["1", None, topic, "tick", {"i": 0}]]


async def test_of_two_polls_at_once_one_gets_the_messages(phoenix: Target):
    """Long polling: two polls at once: the later one gets the messages, the earlier one runs out."""
    async with phoenix.long_polling(SHORT) as raw:
        await raw.open()
        polls = [asyncio.ensure_future(raw.poll()) for _ in range(2)]
        await raw.post(heartbeat("1"))
        answers = sorted([await poll for poll in polls], key=lambda answer: answer.status or 0)
        assert [(answer.status, answer.messages) for answer in answers] in (
            [(OK, [reply(None, "1", "phoenix")]), (NO_CONTENT, [])],
            [(OK, [reply(None, "1", "phoenix")])] * 2,  # it came to neither before one was over
        )


async def test_a_session_that_nobody_polls_dies(phoenix: Target):
    """Long polling: polls and posts of a session that is gone are told so."""
    async with phoenix.long_polling(SHORT) as raw:
        await raw.open()
        await asyncio.sleep(2)
        assert (await raw.post(heartbeat("1"))).status == GONE
        answer = await raw.poll()
        assert (answer.status, answer.token == raw.token) == (GONE, False)


async def test_a_session_that_was_disconnected_is_gone_at_the_next_poll_but_one(phoenix: Target):
    """Long polling: after a disconnect broadcast the waiting poll runs out as 204 and only the next one says 410."""
    user_id = a_name()
    async with phoenix.long_polling(SHORT, f"vsn=2.0.0&user_id={user_id}") as raw:
        await raw.open()
        poll = asyncio.ensure_future(raw.poll())
        assert await is_alive(raw)
        await poll  # which tells that it is alive
        poll = asyncio.ensure_future(raw.poll())
        await phoenix.disconnect(user_id)
        assert (await poll).status in (NO_CONTENT, GONE)  # gone, if it came too late to wait
        assert (await raw.poll()).status == GONE


@only_longpoll("on a WebSocket heartbeats go on by themselves")
@only_2_0_0
async def test_no_heartbeat_is_sent(open_socket: OpenSocket):
    """Reserved topic and events: long polling needs no heartbeat."""
    socket = open_socket(heartbeat_interval=0.01)
    messages = Seen(socket.messages)
    channel = socket.channel(a_topic())
    ticks = Seen(channel.on("tick"))
    await channel.push("push_later", {"n": 1, "ms": 100})
    await ticks.first(1)
    assert {message.topic for message in messages.values} == {channel.topic}


# -- what is posted ----------------------------------------------------------------------------------------------


async def test_a_post_takes_a_hundred_frames(phoenix: Target):
    """Long polling: at most 100 a request; a server drops the rest."""
    async with phoenix.long_polling() as raw:
        await raw.open()
        assert (await raw.post(*(heartbeat(str(number)) for number in range(120)))).status == OK
        assert (await raw.post(heartbeat("later"))).status == OK
        assert [message[1] for message in await messages(raw, 101)] == [*map(str, range(100)), "later"]


async def test_another_content_type_makes_the_body_one_message(phoenix: Target):
    """Long polling: exactly ``application/x-ndjson``; with another content type the body is one message."""
    async with phoenix.long_polling() as raw:
        await raw.open()
        assert (await raw.post(heartbeat("1"), batch=False)).status == OK
        assert await messages(raw, 1) == [reply(None, "1", "phoenix")]


async def test_in_1_0_0_lines_are_500_and_one_message_a_post_passes(phoenix: Target):
    """Connecting: in 1.0.0 on long polling ndjson gets HTTP 500: one message a POST as ``application/json``."""
    message = b'{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"1"}'
    async with phoenix.long_polling(query="vsn=1.0.0") as raw:
        await raw.open()
        assert (await raw.ask("POST", message)).http_status == 500
        assert (await raw.ask("POST", message, batch=False)).status == OK
        (answer,) = await messages(raw, 1)
        assert (answer["ref"], answer["payload"]["status"]) == ("1", "ok")


async def test_a_frame_that_takes_longer_than_the_window_is_408_and_was_taken(phoenix: Target):
    """Long polling: 408: the rest of the batch is dropped, the slow join still completes."""
    topic, params = a_topic(), {"slow_join": int(phoenix.window * 1000) + 300}
    async with phoenix.long_polling() as raw, asyncio.timeout(PATIENCE):
        await raw.open()
        post = asyncio.ensure_future(raw.post(["1", "1", topic, "phx_join", params], heartbeat("2")))
        answer = await raw.poll()
        while answer.status != OK:  # busy: the window has passed, or it looks as if it were gone
            answer = await raw.poll()
        assert answer.messages == [reply("1", "1", topic, {"params": params, "topic": topic})]
        assert (await post).status == TIMEOUT
        assert await is_alive(raw)
        assert [message[1] for message in await messages(raw, 1)] == ["alive"]


async def test_a_line_that_is_neither_json_nor_base64_fails_and_the_session_lives(phoenix: Target):
    """Long polling: real HTTP errors exist besides: 500 for a crash of the request."""
    async with phoenix.long_polling() as raw:
        await raw.open()
        assert await raw.ask("POST", b"nonsense!") == PollAnswer(500, None, None, [])
        assert await is_alive(raw)


@pytest.mark.parametrize(
    "body",
    [b'[null,"1","phoenix","heartbeat",{}]\n', b"", b"[1,2]"],
    ids=["a trailing newline", "an empty body", "no message"],
)
async def test_a_frame_that_cannot_be_decoded_kills_the_session(phoenix: Target, body: bytes):
    """Long polling: a trailing newline or an empty body kills the session on current servers."""
    async with phoenix.long_polling(SHORT) as raw:
        await raw.open()
        assert (await raw.ask("POST", body)).status == TIMEOUT
        assert (await raw.post(heartbeat("2"))).status == GONE
