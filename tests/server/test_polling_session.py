"""Windows, buffers and expiry, in virtual time; ``test_recorded_longpoll.py`` has what a real Phoenix did."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.virtual import VirtualServer
from tests.server.virtual_longpoll import Request, Response, VirtualLongPolling, VirtualPolled

NDJSON = "application/x-ndjson"
HEARTBEAT = [None, "hb", "phoenix", "heartbeat", {}]
HEARD = [None, "hb", "phoenix", "phx_reply", {"status": "ok", "response": {}}]


class Client:
    """One session, opened at time 0, and a clock for what it asks."""

    def __init__(self, path: str = "/socket", query: str = "vsn=2.0.0&user_id=ann") -> None:
        self.server = VirtualServer()
        self.polling = VirtualLongPolling(self.server)
        self.path, self.query = path, query
        opened = self.polling.ask("GET", path, query, None, {}, None).answer
        assert opened is not None
        assert opened.token is not None
        self.token = opened.token

    @property
    def session(self) -> VirtualPolled:
        return self.polling.sessions[self.token]

    def poll(self) -> Request:
        return self.polling.ask("GET", self.path, self.query, self.token, {}, None)

    def post(self, *messages: Any) -> Request:
        return self.post_body("\n".join(map(json.dumps, messages)).encode())

    def post_body(self, body: bytes, content_type: str = NDJSON) -> Request:
        return self.polling.ask("POST", self.path, self.query, self.token, {"Content-Type": content_type}, body)

    def run_until(self, time: float) -> None:
        while self.server.clock.run_next(time):
            self.polling.settle()

    def end_of(self, request: Request) -> Response:
        deadline = self.server.clock.now + 100
        while request.answer is None:
            assert self.server.clock.run_next(deadline), "never answered"
            self.polling.settle()
        return request.answer

    def ask(self, request: Request) -> tuple[float, int | None]:
        """How long a request takes from now on, and its status."""
        begun = self.server.clock.now
        answer = self.end_of(request)
        return round(answer.at - begun, 9), answer.status

    def messages(self) -> list[Any]:
        """Poll once."""
        return [json.loads(message) for message in self.end_of(self.poll()).messages]

    def join(self, **params: Any) -> None:
        assert self.ask(self.post(["1", "1", "room:a", "phx_join", params])) == (0, 200)
        [welcome] = self.messages()
        assert welcome[4]["status"] == "ok"


def test_a_poll_waits_for_its_window():
    client = Client()
    assert client.ask(client.poll()) == (10, 204)
    assert client.ask(client.poll()) == (10, 204)


def test_a_poll_that_waits_is_answered_at_once_with_all_that_came_together():
    client = Client()
    client.join()
    poll = client.poll()
    client.run_until(4)
    client.post(["1", "2", "room:a", "push_me", {"n": 2}])
    answer = client.end_of(poll)
    assert (answer.at, answer.status) == (4, 200)
    assert [json.loads(message)[3] for message in answer.messages] == ["tick", "tick", "phx_reply"]


def test_what_comes_between_polls_is_kept_for_the_next():
    client = Client()
    client.join()
    client.post(["1", "2", "room:a", "push_later", {"n": 3, "ms": 100}])
    client.run_until(5)
    assert [message[3] for message in client.messages()] == ["phx_reply", "tick", "tick", "tick"]
    assert client.ask(client.poll()) == (10, 204)


def test_of_two_polls_the_later_one_gets_the_messages():
    client = Client()
    first = client.poll()
    client.run_until(1)
    second = client.poll()
    client.run_until(2)
    client.post(HEARTBEAT)
    assert client.end_of(second)[:3] == (2, 200, 200)
    assert client.end_of(first)[:3] == (10, 200, 204)


def test_the_earlier_of_two_polls_hears_nothing_after_the_later_one_was_answered():
    client = Client()
    first, second = client.poll(), client.poll()
    client.run_until(0.1)
    client.post(HEARTBEAT)
    assert client.end_of(second).status == 200
    client.post(HEARTBEAT)
    assert client.end_of(first).status == 204
    assert client.messages() == [HEARD]


@pytest.mark.parametrize(
    ("polls", "end"),
    [([], 15), ([0.1], 30), ([14.9], 30), ([14.9, 15.1], 45), ([0.1, 29.9], 45), ([0.1, 10.1, 20.1], 45)],
)
def test_a_session_dies_when_it_has_not_been_polled_for_one_and_a_half_windows(polls: list[float], end: float):
    client = Client()
    for time in polls:
        client.run_until(time)
        client.poll()
    client.run_until(end - 0.001)
    assert client.session.session.is_open
    client.run_until(end)
    assert not client.session.session.is_open


def test_a_session_that_died_leaves_no_timer():
    client = Client()
    client.run_until(16)
    assert not client.session.session.is_open
    assert client.session.requests.pending_timers == set()


@pytest.mark.parametrize(("path", "seconds"), [("/socket", 2), ("/short", 0.3)])
def test_who_asks_for_a_session_that_is_gone_is_told_so_after_a_while(path: str, seconds: float):
    client = Client(path)
    client.session.end()
    gone = client.poll()
    assert client.ask(gone) == (seconds, 410)
    assert gone.answer is not None
    assert gone.answer.token not in (None, client.token)
    assert client.ask(client.post(HEARTBEAT)) == (seconds, 410)


def test_a_poll_is_not_told_that_its_session_has_ended():
    client = Client()
    poll = client.poll()
    client.run_until(3)
    client.server.disconnect("ann")
    client.run_until(4)
    assert client.ask(client.poll()) == (2, 410)
    assert client.end_of(poll)[:3] == (10, 200, 204)


def test_what_nobody_has_polled_when_the_session_ends_is_lost():
    client = Client()
    client.post(HEARTBEAT)
    client.run_until(1)
    client.server.disconnect("ann")
    assert client.end_of(client.poll()).messages == ()


def test_a_slow_join_keeps_the_session_from_hearing_and_the_old_token_still_has_the_reply():
    client = Client()
    join = client.post(["1", "1", "room:a", "phx_join", {"slow_join": 5_000}])
    client.run_until(0.1)
    assert client.ask(client.poll()) == (2, 410)
    assert client.ask(client.post(HEARTBEAT)) == (2, 410)
    assert client.end_of(join)[:3] == (5, 200, 200)
    assert [message[3] for message in client.messages()] == ["phx_reply"]


def test_a_join_that_ends_in_time_delays_a_poll_and_nothing_more():
    client = Client()
    client.post(["1", "1", "room:a", "phx_join", {"slow_join": 1_500}])
    client.run_until(0.1)
    assert client.end_of(client.poll())[:3] == (1.5, 200, 200)


def test_a_frame_that_takes_longer_than_the_window_ends_its_batch_but_not_itself():
    client = Client()
    batch = client.post(HEARTBEAT, ["1", "1", "room:a", "phx_join", {"slow_join": 11_000}], HEARTBEAT)
    assert client.ask(batch) == (10, 408)
    client.run_until(11)
    assert [message[1] for message in client.messages()] == ["hb", "1"]
    assert client.ask(client.poll()) == (10, 204)


def test_each_frame_of_a_batch_has_a_window_of_its_own():
    client = Client()
    joins = [[ref, ref, f"room:{ref}", "phx_join", {"slow_join": 9_000}] for ref in ("1", "2")]
    assert client.ask(client.post(*joins)) == (18, 200)


def test_a_slow_handler_delays_nobody():
    client = Client()
    client.join()
    assert client.ask(client.post(["1", "2", "room:a", "slow", {"ms": 3_000}])) == (0, 200)
    client.post(HEARTBEAT)
    assert client.messages() == [HEARD]
    assert client.ask(client.poll()) == (3, 200)


def test_a_batch_is_read_up_to_its_hundredth_frame():
    client = Client()
    assert client.ask(client.post(*[[None, str(n), "phoenix", "heartbeat", {}] for n in range(120)])) == (0, 200)
    assert [message[1] for message in client.messages()] == [str(n) for n in range(100)]


def test_frames_before_one_that_is_not_base64_count():
    client = Client()
    body = "\n".join([json.dumps(HEARTBEAT), "{}", json.dumps(HEARTBEAT)]).encode()
    assert client.end_of(client.post_body(body)).http_status == 500
    assert client.messages() == [HEARD]


def test_frames_behind_one_that_kills_the_session_wait_in_vain():
    client = Client()
    assert client.ask(client.post(HEARTBEAT, [1, 2], HEARTBEAT)) == (10, 408)
    assert not client.session.session.is_open


def test_a_body_too_big_is_a_bad_request():
    client = Client()
    requests = client.session.requests
    requests.apply(requests.session.post(99, None, batch=True))
    client.run_until(0)
    assert requests.outcomes[99].status == 400  # pyright: ignore[reportAttributeAccessIssue]
    assert client.ask(client.post(HEARTBEAT)) == (0, 200)


def test_serializer_1_0_0_goes_one_message_a_post_as_json():
    client = Client(query="vsn=1.0.0")
    message = json.dumps({"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "1"}).encode()
    assert client.end_of(client.post_body(message)).http_status == 500
    assert client.ask(client.post_body(message, "application/json")) == (0, 200)
    [answer] = client.messages()
    assert (answer["ref"], answer["payload"]["status"]) == ("1", "ok")


@pytest.mark.parametrize("content_type", ["application/x-ndjson; charset=utf-8", "text/plain", "application/json"])
def test_a_body_of_another_type_is_one_message(content_type: str):
    client = Client()
    two = "\n".join([json.dumps(HEARTBEAT)] * 2).encode()
    assert client.ask(client.post_body(two, content_type)) == (10, 408)


def test_a_message_that_is_no_text_is_lost_with_all_that_came_with_it_and_the_session_lives():
    client = Client()
    client.join()
    assert client.ask(client.post(HEARTBEAT, ["1", "2", "room:a", "push_binary", {}], HEARTBEAT)) == (0, 200)
    assert client.end_of(client.poll()).http_status == 500
    client.post(HEARTBEAT)
    assert client.messages() == [HEARD]


def test_a_shutdown_answers_all_that_wait():
    client = Client()
    slow = client.post(["1", "1", "room:a", "phx_join", {"slow_join": 60_000}])
    client.run_until(0.1)
    knocking = client.post(HEARTBEAT)
    other = Client()
    poll = other.poll()
    for each in (client, other):
        each.run_until(1)
        each.session.requests.apply(each.session.requests.session.shutdown())
        each.polling.settle()
        assert each.session.requests.pending_timers == set()
    assert [request.answer and request.answer.status for request in (slow, knocking, poll)] == [408, 410, 204]


@given(
    st.lists(
        st.tuples(st.sampled_from(["poll", "push", "join"]), st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.0, 12.0])),
        max_size=25,
    )
)
def test_what_a_client_reads_poll_by_poll_is_what_was_sent_from_the_beginning_without_a_gap(
    events: list[tuple[str, float]],
):
    client = Client()
    client.join()
    polls: list[Request] = []
    posts: dict[int, Request] = {}
    for number, (kind, pause) in enumerate(events):
        if kind == "push":
            posts[number] = client.post(["1", None, "room:a", "push_named", {"event": f"event {number}"}])
        elif kind == "join":
            posts[number] = client.post(["j", "j", f"room:{number}", "phx_join", {"slow_join": 800}])
        elif not polls or polls[-1].answer is not None:
            polls.append(client.poll())
        client.run_until(client.server.clock.now + pause)
    statuses = {number: client.end_of(post).status for number, post in posts.items()}
    assert set(statuses.values()) <= {200, 410, 408}
    if polls:
        assert client.end_of(polls[-1]).status in (200, 204, 410)
    client.run_until(client.server.clock.now + 1)
    polls.append(client.poll())
    is_gone = client.end_of(polls[-1]).status == 410
    client.run_until(client.server.clock.now + 100)
    assert client.session.requests.pending_timers == set()
    read = [json.loads(message) for poll in polls if poll.answer is not None for message in poll.answer.messages]
    heard = [message[3] for message in read if message[3] != "phx_reply"]
    sent = [
        f"event {number}" for number, post in posts.items() if events[number][0] == "push" and statuses[number] != 410
    ]
    assert is_gone or 408 not in statuses.values()  # unless it is the session's end that keeps a frame from being read
    assert heard == sent[: len(heard)]
    assert is_gone or heard == sent
