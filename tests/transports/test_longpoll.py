"""Long polling sessions against a server that does exactly as it is told: the protocol, its traps, and its ends."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from rxphoenix.errors import ConnectionLost, ConnectionRefused, EventLoopEnding
from rxphoenix.protocol.message import Frame
from rxphoenix.testing.clock import VirtualScheduler
from rxphoenix.transports.base import CloseRequest, Closing, Opened
from rxphoenix.transports.longpoll import LongPoll
from tests.transports.peers import Listener, Seen, for_ever, read_head, request_to, tcp_server, web_server
from tests.transports.polling_peer import TOKEN, PollingPeer, Session, polling_peer
from tests.transports.test_websocket import contexts

JOIN = Frame(b'["1","1","room:a","phx_join",{}]')
LINES = "application/x-ndjson"
SECOND = 1_000_000


def text(number: int) -> Frame:
    return Frame(b'["1","%d","room:a","echo",{}]' % number)


async def turns(count: int = 20) -> None:
    """Let the loop turn, for what must not happen."""
    for _ in range(count):
        await asyncio.sleep(0)


async def lost(session: Session) -> ConnectionLost:
    error = await session.listener.error()
    assert isinstance(error, ConnectionLost)
    return error


# Opening.


async def test_it_is_open_when_the_server_has_given_a_token_and_needs_no_heartbeat():
    async with polling_peer() as peer:
        session = Session(peer, params={"user": "ann"})
        asked = await peer.get()
        assert asked.raw_path == "/socket/longpoll?user=ann&vsn=2.0.0"
        assert asked.headers["Accept"] == "application/json"
        assert session.listener.silent
        asked.answer(410)
        event = await session.listener.next()
        assert isinstance(event, Opened)
        assert event.needs_heartbeat is False
        session.listener.subscription.dispose()


async def test_nothing_happens_before_it_is_subscribed_and_each_subscription_is_a_session():
    async with polling_peer() as peer:
        connection = LongPoll().connect(request_to(peer.endpoint))
        await turns()
        assert peer.waiting == 0
        listeners = Listener(connection), Listener(connection)
        for token in ("one", "two"):
            (await peer.get()).answer(410, token=token)
        assert {(await peer.get()).query["token"] for _ in listeners} == {"one", "two"}
        for listener in listeners:
            listener.subscription.dispose()


async def test_the_auth_token_travels_in_its_header_and_only_to_open_the_session():
    async with polling_peer() as peer:
        session = Session(peer, auth_token="mine", headers={"X-Trace": "7", "accept": "text/html"})
        first = await peer.get()
        assert first.headers["X-Phoenix-AuthToken"] == "mine"
        assert "mine" not in first.raw_path
        assert (first.headers["X-Trace"], first.headers.getall("Accept")) == ("7", ["application/json"])
        first.answer(410)
        poll = await peer.get()
        assert "X-Phoenix-AuthToken" not in poll.headers
        assert poll.headers["X-Trace"] == "7"
        session.listener.subscription.dispose()


@pytest.mark.parametrize("status", [403, 401, 429, 200, 500])
async def test_a_refusal_in_the_body_is_one_with_that_status(status: int):
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.get()).answer(status, token=None)
        error = await session.listener.error()
    assert isinstance(error, ConnectionRefused)
    assert error.status == status


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "HTTP 404: no socket at this path"),
        (500, "HTTP 500: the server crashed while connecting"),
        (503, "HTTP 503: the server is not available"),
        (302, "HTTP 302: redirects are not followed; give the final address"),
    ],
)
async def test_a_status_of_http_refuses_too(status: int, words: str):
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.get()).reply(http=status, headers={"Retry-After": "7", "Location": "/elsewhere"})
        error = await session.listener.error()
        assert peer.waiting == 0
    assert isinstance(error, ConnectionRefused)
    assert (error.status, str(error)) == (status, words)
    assert error.retry_after == (None if status == 302 else 7)


@pytest.mark.parametrize("body", [b"<html>Sign in to the network</html>", b"", b'{"status":410}'])
async def test_what_is_no_answer_of_long_polling_is_refused(body: bytes):
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.get()).reply(body)
        error = await session.listener.error()
    assert isinstance(error, ConnectionRefused)


async def test_no_error_shows_a_secret_or_keeps_one_as_its_cause():
    async with polling_peer() as peer:
        endpoint = f"ws://ann:s3cret@127.0.0.1:{peer.port}/socket?key=s3cret"
        request = request_to(endpoint, params={"token": "s3cret"}, auth_token="s3cret")
        for fail in ("refused", "hung up", "lost"):
            listener = Listener(LongPoll().connect(request))
            asked = await peer.get()
            if fail == "refused":
                asked.reply(http=403)
            elif fail == "hung up":
                asked.hang_up()
            else:
                asked.answer(410)
                (await peer.get()).hang_up()
                await listener.opened()
            error = await listener.error()
            assert "s3cret" not in f"{error}{error!r}{vars(error)}"
            assert error.__cause__ is None
            assert error.__context__ is None


# Polling.


async def test_messages_arrive_in_order_and_none_twice():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        await session.listener.opened()
        expected: list[Frame] = []
        for index in range(5):
            messages = [f'[null,null,"room:a","n",{number}]' for number in range(index * 3, index * 3 + index)]
            poll.answer(200 if messages else 204, messages)
            expected += [Frame(message.encode()) for message in messages]
            poll = await peer.get()
        assert [await session.listener.frame() for _ in expected] == expected
        assert session.listener.silent
        session.listener.subscription.dispose()


async def test_there_is_one_poll_at_a_time_and_always_one():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        for _ in range(3):
            await turns()
            assert peer.waiting == 0
            poll.answer(204)
            poll = await peer.get()
        session.listener.subscription.dispose()


async def test_a_compressed_answer_is_read():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        assert "gzip" in poll.headers["Accept-Encoding"]
        body = b'{"status":200,"token":"T","messages":["[null,null,\\"room:a\\",\\"n\\",1]"]}'
        poll.reply(gzip.compress(body), headers={"Content-Encoding": "gzip"})
        await session.listener.opened()
        assert await session.listener.frame() == Frame(b'[null,null,"room:a","n",1]')
        session.listener.subscription.dispose()


async def test_binary_that_is_utf8_arrives_as_a_binary_frame():
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.open()).answer(200, ["\x01\x01\x01\x06\x0218room:aok\x01\x02"])
        await session.listener.opened()
        assert await session.listener.frame() == Frame(b"\x01\x01\x01\x06\x0218room:aok\x01\x02", binary=True)
        session.listener.subscription.dispose()


async def test_binary_that_is_not_utf8_ends_the_session_with_an_error_that_says_so():
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.open()).reply(b'{"error":"500.json"}', http=500)
        await session.listener.opened()
        error = await lost(session)
    assert error.status == 500
    assert error.reason == "the server failed to answer a poll, as it does for a binary message that is not UTF-8"
    assert str(error) == f"connection lost (HTTP 500): {error.reason}"


async def test_an_answer_that_is_too_big_ends_the_session():
    async with polling_peer() as peer:
        session = Session(peer, LongPoll(max_answer_size=1000))
        (await peer.open()).answer(200, ["[" + "1" * 1000 + "]"])
        await session.listener.opened()
        error = await lost(session)
    assert (error.code, error.reason) == (1009, "the answer is too big")


async def test_a_session_that_is_gone_is_a_loss():
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.open()).answer(410, token="another")
        await session.listener.opened()
        error = await lost(session)
        assert peer.waiting == 0
    assert str(error) == "connection lost: the session is gone"


@pytest.mark.parametrize("status", [500, 404, 100])
async def test_a_poll_answered_with_any_other_status_is_a_loss(status: int):
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.open()).answer(status)
        await session.listener.opened()
        assert str(await lost(session)) == f"connection lost: a poll was answered with the status {status}"


@pytest.mark.parametrize("moment", ["the first", "a poll", "a post"])
async def test_a_request_whose_connection_breaks_is_never_sent_again(moment: str):
    async with polling_peer() as peer:
        session = Session(peer)
        if moment == "the first":
            (await peer.get()).hang_up()
            error: Any = await session.listener.error()
            assert isinstance(error, ConnectionRefused)
        else:
            poll = await peer.open()
            send = await session.listener.opened()
            if moment == "a poll":
                poll.hang_up()
            else:
                send(JOIN)
                (await peer.post()).hang_up()
            error = await lost(session)
        assert peer.waiting == 0
        assert error.reason == "the server hung up without an answer"


# Posting.


async def test_frames_are_posted_as_lines_with_exactly_that_content_type():
    async with polling_peer() as peer:
        session = Session(peer)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        send(Frame(b"\x00\x01\xff", binary=True))
        send(Frame(b""))
        post = await peer.post()
        assert post.headers.getall("Content-Type") == [LINES]
        assert post.body == JOIN.data + b"\nAAH/"
        session.listener.subscription.dispose()


async def test_the_content_type_is_ours_whatever_headers_a_user_gives():
    async with polling_peer() as peer:
        session = Session(peer, headers={"content-type": "text/plain"})
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        assert (await peer.post()).headers.getall("Content-Type") == [LINES]
        session.listener.subscription.dispose()


async def test_what_is_sent_during_a_post_goes_with_the_next_in_batches_of_a_hundred():
    async with polling_peer() as peer:
        session = Session(peer)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        for number in range(250):
            send(text(number))
        await turns()
        assert peer.waiting == 0
        got: list[bytes] = []
        sizes: list[int] = []
        for _ in range(3):
            post.answer()
            post = await peer.post()
            got += post.body.split(b"\n")
            sizes.append(post.body.count(b"\n") + 1)
        post.answer()
        await turns()
        assert sizes == [100, 100, 50]
        assert got == [text(number).data for number in range(250)]
        assert peer.waiting == 0
        session.listener.subscription.dispose()


async def test_serializer_1_posts_one_message_at_a_time_as_json():
    async with polling_peer() as peer:
        session = Session(peer, vsn="1.0.0")
        poll = await peer.open()
        assert poll.query["vsn"] == "1.0.0"
        send = await session.listener.opened()
        messages = [b'{"topic":"room:a","event":"echo","payload":{},"ref":"%d"}' % number for number in range(3)]
        for message in messages:
            send(Frame(message))
        for message in messages:
            post = await peer.post()
            assert (post.body, post.headers["Content-Type"]) == (message, "application/json")
            post.answer()
        session.listener.subscription.dispose()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (410, "connection lost: the session is gone"),
        (403, "connection lost: a post was answered with the status 403"),
        (500, "connection lost: a post was answered with the status 500"),
    ],
)
async def test_a_post_that_is_not_acknowledged_ends_the_session(status: int, words: str):
    async with polling_peer() as peer:
        session = Session(peer)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        (await peer.post()).answer(status)
        assert str(await lost(session)) == words
        send(JOIN)
        await turns()
        assert peer.waiting == 0
        assert session.listener.silent


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "connection lost (HTTP 400): the server did not take what was posted; it reads some 8 MB at once"),
        (413, "connection lost (HTTP 413): the server did not take what was posted, it is too big"),
        (500, "connection lost (HTTP 500): the server failed on what was posted"),
        (502, "connection lost (HTTP 502)"),
        (307, "connection lost (HTTP 307): redirects are not followed; give the final address"),
    ],
)
async def test_a_post_answered_with_an_error_of_http_ends_the_session(status: int, words: str):
    async with polling_peer() as peer:
        session = Session(peer)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        (await peer.post()).reply(http=status, headers={"Location": "/elsewhere"})
        error = await lost(session)
        assert (error.status, str(error)) == (status, words)
        assert peer.waiting == 0


# Time limits, by the scheduler.


@pytest.mark.parametrize("moment", ["the first", "a poll", "a post"])
async def test_a_request_without_an_answer_for_twenty_seconds_ends_it(moment: str):
    async with polling_peer() as peer:
        scheduler = VirtualScheduler()
        session = Session(peer, scheduler=scheduler)
        if moment == "the first":
            asked = await peer.get()
        else:
            asked = await peer.open()
            send = await session.listener.opened()
            if moment == "a post":
                scheduler.pass_until(10 * SECOND)
                asked.answer(204)
                await peer.get()
                send(JOIN)
                asked = await peer.post()
        until = scheduler.instant + 20 * SECOND
        scheduler.pass_until(until - 1)
        await turns()
        assert session.listener.silent
        scheduler.pass_until(until)
        error = await session.listener.error()
        assert isinstance(error, ConnectionRefused if moment == "the first" else ConnectionLost)
        assert error.reason == "no answer within 20 s"
        assert error.__context__ is None
        await asyncio.wait_for(asked.aborted.wait(), 10)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (70, "no answer within 70 s"),
        (5, "no answer within 5 s, but servers answer a poll after 10 s if they are not told otherwise"),
    ],
)
async def test_the_time_limit_is_a_users_choice(seconds: int, words: str):
    async with polling_peer() as peer:
        scheduler = VirtualScheduler()
        session = Session(peer, LongPoll(timeout=seconds), scheduler=scheduler)
        await peer.open()
        await session.listener.opened()
        scheduler.pass_until(seconds * SECOND)
        assert (await lost(session)).reason == words


async def test_a_users_own_time_limits_do_not_end_a_poll():
    async with polling_peer() as peer, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=1e-9)) as http:
        session = Session(peer, session=http)
        await peer.open()
        await session.listener.opened()
        session.listener.subscription.dispose()
        await turns()


# The session token.


async def test_the_token_goes_in_the_query_where_the_header_may_not_be_read():
    async with polling_peer() as peer:
        session = Session(peer, params={"user": "ann"})
        poll = await peer.open()
        assert poll.raw_path == f"/socket/longpoll?user=ann&vsn=2.0.0&token={TOKEN}"
        assert "X-Phoenix-Longpoll-Token" not in poll.headers
        send = await session.listener.opened()
        send(JOIN)
        assert (await peer.post()).raw_path == poll.raw_path
        session.listener.subscription.dispose()


async def test_the_token_goes_in_the_header_where_that_is_read():
    async with polling_peer() as peer:
        session = Session(peer, params={"user": "ann"})
        poll = await peer.open(header=True)
        send = await session.listener.opened()
        send(JOIN)
        for asked in (poll, await peer.post()):
            assert asked.raw_path == "/socket/longpoll?user=ann&vsn=2.0.0"
            assert asked.headers["X-Phoenix-Longpoll-Token"] == TOKEN
        session.listener.subscription.dispose()


@pytest.mark.parametrize("header", [True, False])
async def test_the_applications_own_token_opens_the_session_and_is_never_sent_again(header: bool):
    async with polling_peer() as peer:
        session = Session(peer, params={"token": "theirs", "user": "ann"})
        first = await peer.get()
        assert first.raw_path == "/socket/longpoll?token=theirs&user=ann&vsn=2.0.0"
        first.reply(
            b'{"status":410,"token":"ours","messages":[]}', headers={"Cache-Control": "no-store"} if header else {}
        )
        poll = await peer.get()
        send = await session.listener.opened()
        send(JOIN)
        for asked in (poll, await peer.post()):
            assert asked.raw_path == "/socket/longpoll?user=ann&vsn=2.0.0" + ("" if header else "&token=ours")
            assert "theirs" not in str(asked.headers)
        session.listener.subscription.dispose()


async def test_where_the_header_proves_not_to_be_read_the_query_takes_over_and_nothing_is_lost_or_sent_twice():
    async with polling_peer() as peer:
        memory: dict[object, object] = {}
        session = Session(peer, memory=memory)
        poll = await peer.open(header=True)
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        post.answer(410)
        again = await peer.post()
        assert (again.body, again.query["token"]) == (JOIN.data, TOKEN)
        again.answer()
        poll.answer(410, token="another")
        poll = await peer.get()
        assert poll.query["token"] == TOKEN
        poll.answer(200, ["[1]"])
        assert await session.listener.frame() == Frame(b"[1]")
        session.listener.subscription.dispose()

        later = Session(peer, memory=memory)  # of the same socket
        while (asked := await peer.get()).query.get("token"):
            pass  # the last poll of the earlier session
        asked.reply(b'{"status":410,"token":"later","messages":[]}', headers={"Cache-Control": "no-store"})
        assert (await peer.get()).query["token"] == "later"
        later.listener.subscription.dispose()


@pytest.mark.parametrize("status", [410, 403])
async def test_a_poll_alone_finds_out_too_that_the_header_is_not_read(status: int):
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.open(header=True)).answer(status)
        await session.listener.opened()
        poll = await peer.get()
        assert poll.query["token"] == TOKEN
        poll.answer(status)
        assert (await lost(session)).reason == "the session is gone"


async def test_a_header_that_was_read_once_is_believed_in():
    async with polling_peer() as peer:
        session = Session(peer)
        (await peer.open(header=True)).answer(204)
        await session.listener.opened()
        poll = await peer.get()
        poll.answer(410)
        assert (await lost(session)).reason == "the session is gone"
        assert peer.waiting == 0


# A server that is busy with a slow join.


@pytest.mark.parametrize("status", [410, 403])
@pytest.mark.parametrize("header", [True, False])
async def test_a_session_that_seems_gone_during_a_post_is_asked_again_after_it(status: int, header: bool):
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open(header=header)
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        poll.answer(status, token="another")
        await turns(50)
        assert (peer.waiting, session.listener.silent) == (0, True)
        post.answer()
        poll = await peer.get()
        assert (poll.headers.get("X-Phoenix-Longpoll-Token") or poll.query["token"]) == TOKEN
        poll.answer(200, ['["1","1","room:a","phx_reply",{}]'])
        assert await session.listener.frame() == Frame(b'["1","1","room:a","phx_reply",{}]')
        session.listener.subscription.dispose()


async def test_a_session_that_still_is_gone_after_the_post_is_lost():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        poll.answer(410)
        post.answer()
        (await peer.get()).answer(410)
        assert (await lost(session)).reason == "the session is gone"


async def test_a_post_that_was_answered_while_the_poll_was_under_way_counts_too():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        (await peer.post()).answer()
        send(text(2))
        (await peer.post()).answer()
        await turns()
        poll.answer(410)
        (await peer.get()).answer(204)
        await peer.get()
        assert session.listener.silent
        session.listener.subscription.dispose()


@pytest.mark.parametrize("late", [410, 204])
async def test_a_frame_alone_that_took_longer_than_the_window_was_taken_and_the_session_goes_on(late: int):
    async with polling_peer() as peer:
        scheduler = VirtualScheduler()
        session = Session(peer, scheduler=scheduler)
        poll = await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        (await peer.post()).answer(408)
        await turns()
        send(text(2))
        poll.answer(late)  # it was under way during the post: it tells nothing
        poll = await peer.get()
        for _ in range(3):  # busy still
            poll.answer(410)
            await turns(50)
            assert peer.waiting == 0
            scheduler.pass_until(scheduler.instant + SECOND)
            poll = await peer.get()
        assert peer.waiting == 0  # what was sent meanwhile waits until the session is known to live
        poll.answer(200, ['["1","1","room:a","phx_reply",{}]'])
        assert await session.listener.frame() == Frame(b'["1","1","room:a","phx_reply",{}]')
        _, post = await peer.both()
        assert post.body == text(2).data
        session.listener.subscription.dispose()


async def test_a_session_that_does_not_come_back_in_ten_seconds_after_a_408_is_lost():
    async with polling_peer() as peer:
        scheduler = VirtualScheduler()
        session = Session(peer, scheduler=scheduler)
        poll = await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        (await peer.post()).answer(408)
        await turns()
        poll.answer(410)
        poll = await peer.get()
        scheduler.pass_until(10 * SECOND - 1)
        poll.answer(410)
        await turns(50)
        assert (peer.waiting, session.listener.silent) == (0, True)
        scheduler.pass_until(11 * SECOND - 1)
        (await peer.get()).answer(410)
        assert (await lost(session)).reason == "the session is gone"


async def test_a_408_to_several_frames_ends_the_session_and_from_then_on_they_go_one_by_one():
    async with polling_peer() as peer:
        memory: dict[object, object] = {}
        session = Session(peer, memory=memory)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        send(text(2))
        (await peer.post()).answer(408)
        error = await lost(session)
        assert error.reason == "the server took longer for a frame than its window, and dropped those behind it"

        session = Session(peer, memory=memory)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        send(text(2))
        for frame in (JOIN, text(2)):
            post = await peer.post()
            assert post.body == frame.data
            post.answer()
        session.listener.subscription.dispose()


async def test_after_a_post_of_several_frames_without_an_answer_they_go_one_by_one_too():
    async with polling_peer() as peer:
        memory: dict[object, object] = {}
        scheduler = VirtualScheduler()
        session = Session(peer, memory=memory, scheduler=scheduler)
        poll = await peer.open()
        send = await session.listener.opened()
        scheduler.pass_until(SECOND)
        send(JOIN)
        send(text(2))
        await peer.post()
        poll.answer(204)
        await peer.get()
        scheduler.pass_until(21 * SECOND)
        assert (await lost(session)).reason == "no answer within 20 s"

        session = Session(peer, memory=memory)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        send(text(2))
        assert (await peer.post()).body == JOIN.data
        session.listener.subscription.dispose()


# Ends that were asked for.


async def test_a_close_flushes_what_was_sent_and_aborts_the_poll():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        for number in range(150):
            send(text(number))
        session.closing.request(CloseRequest(grace=10))
        send(Frame(b'["too late"]'))
        await asyncio.wait_for(poll.aborted.wait(), 10)
        got: list[bytes] = []
        for _ in range(2):
            assert session.listener.silent
            post.answer()
            post = await peer.post()
            got += post.body.split(b"\n")
        post.answer()
        await session.listener.completed()
        assert got == [text(number).data for number in range(150)]
        assert session.listener.silent
        assert peer.waiting == 0


async def test_a_close_with_nothing_to_flush_is_done_at_once():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        await session.listener.opened()
        session.closing.request(CloseRequest())
        await session.listener.completed()
        await asyncio.wait_for(poll.aborted.wait(), 10)
        assert peer.waiting == 0


async def test_a_close_in_the_middle_of_an_answer_lets_nothing_more_through():
    async with polling_peer() as peer:
        closing, seen = Closing(), list[Any]()
        done = asyncio.Event()

        def on_next(event: Any) -> None:
            seen.append(event)
            if len(seen) == 3:
                closing.request(CloseRequest())

        LongPoll().connect(request_to(peer.endpoint, closing=closing)).subscribe(on_next, None, done.set)
        (await peer.open()).answer(200, ["[1]", "[2]", "[3]"])
        await asyncio.wait_for(done.wait(), 10)
        assert seen[1:] == [Frame(b"[1]"), Frame(b"[2]")]
        assert peer.waiting == 0


async def test_flushing_ends_with_the_grace():
    async with polling_peer() as peer:
        scheduler = VirtualScheduler()
        session = Session(peer, scheduler=scheduler)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        session.closing.request(CloseRequest(grace=1))
        scheduler.pass_until(SECOND - 1)
        await turns()
        assert session.listener.silent
        scheduler.pass_until(SECOND)
        await session.listener.completed()
        await asyncio.wait_for(post.aborted.wait(), 10)


async def test_a_post_that_fails_while_closing_completes_it():
    async with polling_peer() as peer:
        session = Session(peer)
        await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        session.closing.request(CloseRequest(grace=10))
        post.answer(410)
        await session.listener.completed()


@pytest.mark.parametrize("moment", ["before it is subscribed", "at once", "while it opens", "when it opens"])
async def test_a_close_before_it_is_open_completes_it(moment: str):
    async with polling_peer() as peer:
        closing = Closing()
        connection = LongPoll().connect(request_to(peer.endpoint, closing=closing))
        if moment == "before it is subscribed":
            closing.request(CloseRequest())
        if moment == "when it opens":
            done = asyncio.Event()
            connection.subscribe(lambda _: closing.request(CloseRequest()), None, done.set)
            (await peer.get()).answer(410)
            await asyncio.wait_for(done.wait(), 10)
            return
        listener = Listener(connection)
        if moment == "while it opens":
            await peer.get()
        closing.request(CloseRequest())
        await listener.completed()
        assert peer.waiting == 0


@pytest.mark.parametrize("moment", ["at once", "while it opens", "open", "posting", "over"])
async def test_disposing_aborts_at_once_leaves_nothing_behind_and_is_silent(moment: str):
    # what would be left behind (tasks, timers, sockets) fails the test through tests/house/leaks.py
    async with polling_peer() as peer:
        session = Session(peer)
        if moment == "while it opens":
            await peer.get()
        elif moment != "at once":
            poll = await peer.open()
            send = await session.listener.opened()
            if moment == "posting":
                send(JOIN)
                await peer.post()
                send(text(2))
            elif moment == "over":
                poll.answer(410)
                await lost(session)
        session.listener.subscription.dispose()
        session.listener.subscription.dispose()
        await turns()
        assert peer.waiting == 0
    assert session.listener.silent


async def test_a_dispose_in_the_middle_of_an_answer_sends_no_further_poll():
    async with polling_peer() as peer:
        seen: list[Any] = []
        subscription: Any = None
        disposed = asyncio.Event()

        def on_next(event: Any) -> None:
            seen.append(event)
            if isinstance(event, Frame):
                subscription.dispose()
                disposed.set()

        subscription = LongPoll().connect(request_to(peer.endpoint)).subscribe(on_next)
        (await peer.open()).answer(200, ["[1]", "[2]"])
        await asyncio.wait_for(disposed.wait(), 10)
        await turns(50)
        assert (len(seen), peer.waiting) == (2, 0)


async def test_a_task_that_somebody_else_cancels_says_that_the_loop_is_ending():
    for name in ("rxphoenix longpoll", "rxphoenix longpoll poller", "rxphoenix longpoll poster"):
        async with polling_peer() as peer:
            session = Session(peer)
            await peer.open()
            await session.listener.opened()
            next(task for task in asyncio.all_tasks() if task.get_name() == name).cancel()
            assert isinstance(await session.listener.error(), EventLoopEnding)


@pytest.mark.may_leave(
    "errors", reason="what an observer raises reaches the loop's exception handler: it must not vanish"
)
async def test_an_observer_that_raises_ends_the_session_and_does_not_vanish():
    async with polling_peer() as peer:
        raised = list[Any]()
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: raised.append(context["exception"]))
        errors: asyncio.Queue[Exception] = asyncio.Queue()

        def on_next(event: Any) -> None:
            if isinstance(event, Frame):
                raise ZeroDivisionError

        LongPoll().connect(request_to(peer.endpoint)).subscribe(on_next, errors.put_nowait)
        (await peer.open()).answer(200, ["[1]"])
        await turns(50)
        assert [type(error) for error in raised] == [ZeroDivisionError]


# Connections.


async def test_connections_are_kept_and_used_again():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        send = await session.listener.opened()
        for number in range(5):
            poll.answer(204)
            poll = await peer.get()
            send(text(number))
            (await peer.post()).answer()
            await turns()
        assert len(peer.connections) == 2
        session.listener.subscription.dispose()


async def test_a_kept_connection_that_the_server_closed_meanwhile_is_replaced():
    async with polling_peer() as peer:
        session = Session(peer)
        poll = await peer.open()
        send = await session.listener.opened()
        send(JOIN)
        post = await peer.post()
        assert post.transport is not poll.transport
        post.answer()
        await turns()
        post.hang_up()  # idle now
        await turns()
        send(text(2))
        post = await peer.post()
        assert post.body == text(2).data
        post.answer()
        assert session.listener.silent
        session.listener.subscription.dispose()


async def test_where_kept_connections_die_the_next_session_keeps_none():
    """A proxy that closes each connection after its first answer, and does not say so."""
    asked = Seen()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, headers = await read_head(reader)
        asked.add(headers.get("connection", "keep-alive"))
        status = 204 if "token=" in first else 410
        body = b'{"status":%d,"token":"T","messages":[]}' % status
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        if headers.get("connection") != "close":
            await read_head(reader)  # and it hangs up on the next one

    async with tcp_server(serve) as port:
        memory: dict[object, object] = {}
        endpoint = f"ws://127.0.0.1:{port}/socket"
        listener = Listener(LongPoll().connect(request_to(endpoint, memory=memory)))
        await listener.opened()
        error = await listener.error()
        assert isinstance(error, ConnectionLost)
        assert (await asked.next(), asked.count) == ("keep-alive", 0)
        listener = Listener(LongPoll().connect(request_to(endpoint, memory=memory)))
        await listener.opened()
        assert [await asked.next() for _ in range(5)] == ["close"] * 5
        listener.subscription.dispose()
        assert listener.silent


async def test_cookies_are_kept_over_requests_and_attempts():
    async with polling_peer() as peer:
        memory: dict[object, object] = {}
        endpoint = f"ws://localhost:{peer.port}/socket"
        listener = Listener(LongPoll().connect(request_to(endpoint, memory=memory)))
        first = await peer.get()
        assert "Cookie" not in first.headers
        first.reply(b'{"status":410,"token":"T"}', headers={"Set-Cookie": "node=7"})
        poll = await peer.get()
        assert poll.headers["Cookie"] == "node=7"
        listener.subscription.dispose()
        listener = Listener(LongPoll().connect(request_to(endpoint, memory=memory)))
        assert (await peer.get()).headers["Cookie"] == "node=7"
        listener.subscription.dispose()


async def test_a_users_session_is_used_and_left_as_it_was():
    async with polling_peer() as peer, aiohttp.ClientSession(headers={"X-Session": "mine"}) as http:
        session = Session(peer, session=http)
        poll = await peer.open()
        assert poll.headers["X-Session"] == "mine"
        await session.listener.opened()
        session.closing.request(CloseRequest())
        await session.listener.completed()
        assert not http.closed
        assert http.trace_configs == []


async def test_a_users_session_still_sends_its_own_get_again_meanwhile():
    async with polling_peer() as peer, aiohttp.ClientSession() as http:
        session = Session(peer, session=http)
        await peer.open()
        await session.listener.opened()

        async def own() -> int:
            async with http.get(f"http://127.0.0.1:{peer.port}/own") as response:
                return response.status

        task = asyncio.get_running_loop().create_task(own())
        (await peer.next()).hang_up()
        again = await peer.next()
        assert again.path == "/own"
        again.reply()
        assert await task == 200
        session.listener.subscription.dispose()
        await turns()


async def test_a_session_that_is_none_is_refused():
    listener = Listener(LongPoll().connect(request_to("ws://127.0.0.1:1/socket", session=object())))
    error = await listener.error()
    assert isinstance(error, ConnectionRefused)
    assert str(error) == "the session must be an aiohttp.ClientSession, not object"


async def test_a_proxy_relays_the_requests():
    seen = Seen()

    async def relay(request: web.BaseRequest) -> web.StreamResponse:
        seen.add((request.method, str(request.url)))
        if "token" not in request.query:
            return web.json_response({"status": 410, "token": "T", "messages": []})
        if request.method == "POST":
            return web.json_response({"status": 200})
        await for_ever()
        raise AssertionError

    async with web_server(relay, handler_cancellation=True) as port:
        transport = LongPoll(proxy=f"http://127.0.0.1:{port}")
        listener = Listener(transport.connect(request_to("ws://phoenix.example.com/socket")))
        send = await listener.opened()
        send(JOIN)
        assert sorted([await seen.next() for _ in range(3)]) == [
            ("GET", "http://phoenix.example.com/socket/longpoll?vsn=2.0.0"),
            ("GET", "http://phoenix.example.com/socket/longpoll?vsn=2.0.0&token=T"),
            ("POST", "http://phoenix.example.com/socket/longpoll?vsn=2.0.0&token=T"),
        ]
        listener.subscription.dispose()


@pytest.mark.parametrize("trusted", [True, False])
async def test_proxies_of_the_environment_are_used_when_it_is_trusted(trusted: bool, monkeypatch: pytest.MonkeyPatch):
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    async with polling_peer() as proxy, polling_peer() as peer:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        session = Session(peer, LongPoll(trust_env=trusted))
        asked = await (proxy if trusted else peer).get()
        assert asked.headers["Host"] == f"127.0.0.1:{peer.port}"
        session.listener.subscription.dispose()


async def answer_by_hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One session on bare TCP, whose first poll is never answered."""
    first, _ = await read_head(reader)
    if "token=" not in first:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n{"status":410,"token":"T","messages":[] }\n')
    await for_ever()


@pytest.mark.may_leave("errors", reason="asyncio logs that the client hung up on the server's certificate")
@pytest.mark.parametrize("ssl", ["unknown", "known", False])
async def test_tls_is_verified_as_it_was_said(ssl: Any):
    server, client = contexts(trustme.CA())
    async with tcp_server(answer_by_hand, server) as port:
        transport = LongPoll() if ssl == "unknown" else LongPoll(ssl=client if ssl == "known" else False)
        listener = Listener(transport.connect(request_to(f"wss://localhost:{port}/socket")))
        if ssl == "unknown":
            error = await listener.error()
            assert isinstance(error, ConnectionRefused)
            assert str(error).startswith("TLS failed")
        else:
            await listener.opened()
        listener.subscription.dispose()


# Arguments.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"timeout": 0}, "timeout must be a positive number of seconds, not 0"),
        ({"timeout": float("nan")}, "timeout must be a positive number of seconds, not nan"),
        ({"timeout": "20"}, "timeout must be a number of seconds, not '20'"),
        ({"max_answer_size": 0}, "max_answer_size must be a positive number of bytes, not 0"),
    ],
)
def test_numbers_out_of_their_range_are_refused(options: dict[str, Any], words: str):
    with pytest.raises((TypeError, ValueError), match=words):
        LongPoll(**options)


def test_a_peer_is_what_tests_talk_to():
    assert PollingPeer().endpoint == "ws://127.0.0.1:0/socket"
