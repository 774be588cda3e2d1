"""Joining: answers of every kind, none, crashes and closes, two of one topic."""

from __future__ import annotations

from rxphoenix.protocol.backoff import REJOIN_DELAY
from tests.official.scenario import (
    Close,
    Connect,
    Count,
    Crash,
    Disconnect,
    Join,
    JoinAgain,
    Leave,
    Lose,
    Nothing,
    Open,
    Options,
    Push,
    Release,
    Reply,
    Say,
    Scenario,
    Server,
)

REFUSED = Reply("error", {"reason": "no"})
RETRIES = Options(rxphoenix={"retry_refused": REJOIN_DELAY})

SCENARIOS = [
    Scenario(
        "a join before there is a connection",
        {0: [Join("room:a", {"p": 1})], 300: [Connect()], 1000: []},
        differs={
            "lease": """
                - 300 connect websocket vsn=2.0.0
                - 400 send 1 1 room:a phx_join {"p":1}
                + 0 connect websocket vsn=2.0.0
                + 100 send 1 1 room:a phx_join {"p":1}
                - 500 room:a joined {}
                + 200 room:a joined {}
            """,
        },
    ),
    Scenario("a join while connecting", {0: [Connect()], 50: [Join("room:a")], 1000: []}),
    Scenario("a join when open", {0: [Connect()], 500: [Join("room:a", {"p": [1, {"q": None}]})], 1000: []}),
    Scenario(
        "several joins are in the order in which they were asked for",
        {
            0: [Connect(), Join("room:b"), Join("room:a")],
            50: [Join("room:c")],
            500: [Join("room:d")],
            800: [Lose()],
            2000: [],
        },
    ),
    Scenario(
        "params that are a function are made anew for every join",
        {0: [Connect(), Join("room:a", Count("n"))], 500: [Say("room:a", "phx_error")], 2000: [Lose()], 3000: []},
    ),
    Scenario(
        "a reply to the join",
        {0: [Connect(), Join("room:a")], 1000: []},
        server=Server(answers={"phx_join": [Reply(response={"id": [1, "ü"]})]}),
    ),
    Scenario(
        "a refused join",
        {0: [Connect(), Join("room:a")], 10_000: []},
        server=Server(answers={"phx_join": [REFUSED] * 9}),
        differs={
            "refused-join": """
                - 1200 send 2 2 room:a phx_join {}
                - 3300 send 3 3 room:a phx_join {}
                - 8400 send 4 4 room:a phx_join {}
                - 1300 room:a refused {"reason":"no"}
                - 3400 room:a refused {"reason":"no"}
                - 8500 room:a refused {"reason":"no"}
            """,
        },
    ),
    Scenario(
        "refused joins that are to be tried again, at growing intervals",
        {0: [Connect(), Join("room:a")], 50_000: []},
        server=Server(answers={"phx_join": [REFUSED] * 9}),
        options=RETRIES,
    ),
    Scenario(
        "a join that is refused, then accepted, then refused",
        {0: [Connect(), Join("room:a")], 3000: [Say("room:a", "phx_error")], 10_000: []},
        server=Server(answers={"phx_join": [REFUSED, Reply(), REFUSED, Reply()]}),
        options=RETRIES,
    ),
    Scenario(
        "a connection is lost while a refused join waits",
        {0: [Connect(), Join("room:a")], 500: [Lose()], 3000: []},
        server=Server(answers={"phx_join": [REFUSED, Reply()]}),
        options=RETRIES,
        differs={
            "refusal-waits": """
                - 610 send 2 2 room:a phx_join {}
                + 1200 send 2 2 room:a phx_join {}
                - 710 room:a joined {}
                + 1300 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a refused join of one topic, and another topic",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Push("room:b", "one")], 5000: []},
        server=Server(answers={"room:a phx_join": [REFUSED] * 9}),
        options=RETRIES,
    ),
    Scenario(
        "a join of another status than ok and error",
        {0: [Connect(), Join("room:a")], 3000: []},
        server=Server(answers={"phx_join": [Reply("busy", {"try": "later"})]}),
        differs={
            "join-status": """
                + 200 room:a refused {"try":"later"}
            """,
        },
    ),
    Scenario(
        "a join that crashes",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(answers={"phx_join": [Reply("error", {"reason": "join crashed"}, times=2)]}),
    ),
    Scenario(
        "joins that are not answered, at growing intervals",
        {0: [Connect()], 500: [Join("room:a")], 75_000: []},
        server=Server(answers={"phx_join": [Nothing()] * 9}),
        options=Options(heartbeat_interval=100_000),
    ),
    Scenario(
        "a join that is not answered in the time that it was given",
        {0: [Connect()], 500: [Join("room:a", timeout=2000)], 8000: []},
        server=Server(answers={"phx_join": [Nothing(), Nothing()]}),
    ),
    Scenario(
        "an answer to a join that comes too late",
        {0: [Connect()], 500: [Join("room:a", timeout=2000)], 8000: []},
        server=Server(answers={"phx_join": [Reply(after=2500)]}),
    ),
    Scenario(
        "an answer to a join that comes too late, after the next one was sent",
        {0: [Connect()], 500: [Join("room:a", timeout=2000)], 8000: []},
        server=Server(answers={"phx_join": [Reply(after=3050), Reply(after=500)]}),
    ),
    Scenario(
        "a join waits for a connection, and its time with it",
        {0: [Connect(), Join("room:a", timeout=2000)], 6000: []},
        server=Server(attempts=[Open(after=1500)], answers={"phx_join": [Reply(after=1000)]}),
        differs={
            "join-clock": """
                - 2000 send 1 2 room:a phx_leave {}
                - 3000 send 3 3 room:a phx_join {}
                - 2000 room:a timed out
                - 3100 room:a joined {}
                + 2500 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a slow join keeps the one behind it waiting",
        {0: [Connect()], 500: [Join("room:a"), Join("room:b")], 25_000: []},
        server=Server(answers={"room:a phx_join": [Reply(after=9000)], "room:b phx_join": [Reply(after=12_000)]}),
        differs={
            "slow-join": """
                - 10500 send 2 3 room:b phx_leave {}
                - 11500 send 4 4 room:b phx_join {}
                - 10500 room:b timed out
                - 11600 room:b joined {}
                + 12500 room:b joined {}
            """,
        },
    ),
    Scenario(
        "the time of a join is not that of its pushes",
        {0: [Connect(), Join("room:a", timeout=1000)], 500: [Push("room:a", "one")], 15_000: []},
        server=Server(answers={"one": [Nothing()]}),
        differs={
            "join-timeout": """
                - 1500 room:a one timeout
                + 10500 room:a one timeout
            """,
        },
    ),
    Scenario(
        "disconnecting while joining",
        {0: [Connect(), Join("room:a")], 150: [Disconnect(1000)], 500: [Connect()], 3000: []},
    ),
    Scenario(
        "an answer to a join that does not say of which join",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_reply", {"status": "ok", "response": 1}, join=None, ref="last")],
            3000: [],
        },
        server=Server(answers={"phx_join": [Nothing()]}),
    ),
    Scenario(
        "join params that are a function, which raises",
        {0: [Connect(), Join("room:a", Count("n", raises_at=2))], 500: [Say("room:a", "phx_error")], 6000: []},
        differs={
            "function-raises": """
                + 3500 send 2 2 room:a phx_join {"n":3}
                - 1500 threw Error
                + 3600 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a join is accepted twice",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_reply", {"status": "ok", "response": 1}, ref="join")],
            3000: [],
        },
    ),
    Scenario(
        "a join is accepted, and then refused",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_reply", {"status": "error", "response": 1}, ref="join")],
            3000: [],
        },
    ),
    Scenario(
        "a channel crashes twice at once",
        {0: [Connect(), Join("room:a")], 500: [Say("room:a", "phx_error"), Say("room:a", "phx_error")], 3000: []},
    ),
    Scenario(
        "a channel is closed after a crash",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_error")],
            600: [Say("room:a", "phx_close", ref="join")],
            3000: [],
        },
        differs={
            "not-joined": """
                + 1500 send 2 2 room:a phx_join {}
                - 600 room:a closed
                + 1600 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a channel that crashes",
        {0: [Connect(), Join("room:a")], 500: [Say("room:a", "phx_error", {"reason": "channel_crash"})], 3000: []},
    ),
    Scenario(
        "a channel that crashes again and again, at growing intervals until it is joined",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_error")],
            30_000: [Say("room:a", "phx_error")],
            35_000: [],
        },
        server=Server(answers={"phx_join": [Reply(), Crash(), Crash(), Crash(), Crash(), Reply()]}),
    ),
    Scenario(
        "channels that crash at intervals that the user says",
        {0: [Connect(), Join("room:a")], 10_000: []},
        server=Server(answers={"phx_join": [Crash()] * 5}),
        options=Options(rejoin_after=[300, 2000]),
    ),
    Scenario(
        "a crash while joining",
        {0: [Connect(), Join("room:a")], 3000: []},
        server=Server(answers={"phx_join": [Crash()]}),
    ),
    Scenario(
        "a crash of an earlier join is no matter",
        {
            0: [Connect(), Join("room:a")],
            300: [Say("room:a", "phx_error")],
            3000: [Say("room:a", "phx_error", join=-2)],
            6000: [],
        },
    ),
    Scenario(
        "a crash that does not say of which join",
        {0: [Connect(), Join("room:a")], 300: [Say("room:a", "phx_error", join=None)], 3000: []},
    ),
    Scenario(
        "a channel that the server closes",
        {0: [Connect(), Join("room:a")], 500: [Say("room:a", "phx_close", ref="join")], 3000: []},
    ),
    Scenario(
        "a channel that the server closes instead of answering the join",
        {0: [Connect(), Join("room:a")], 3000: []},
        server=Server(answers={"phx_join": [Close()]}),
    ),
    Scenario(
        "a close of an earlier join is no matter",
        {
            0: [Connect(), Join("room:a")],
            300: [Say("room:a", "phx_error")],
            3000: [Say("room:a", "phx_close", join=-2)],
            6000: [],
        },
    ),
    Scenario(
        "a topic that is closed and joined again",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_close", ref="join")],
            600: [Join("room:a", {"again": 1})],
            3000: [Lose()],
            4000: [],
        },
    ),
    Scenario(
        "a connection is lost while joining",
        {0: [Connect(), Join("room:a")], 150: [Lose()], 3000: []},
    ),
    Scenario(
        "a connection is lost while a crashed channel waits, and it joins at once when there is one",
        {0: [Connect(), Join("room:a")], 500: [Say("room:a", "phx_error")], 1000: [Lose()], 5000: []},
    ),
    Scenario(
        "a crashed channel's time comes while there is no connection",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_error")],
            1000: [Disconnect(1000)],
            3000: [Connect()],
            5000: [],
        },
    ),
    Scenario(
        "a connection is lost, and the joins that crashed before it are counted",
        {0: [Connect(), Join("room:a")], 2000: [Lose()], 9000: []},
        server=Server(answers={"phx_join": [Crash(), Crash(), Crash(), Crash()]}),
        differs={
            "rejoin-reset": """
                - 3210 send 4 4 room:a phx_join {}
                - 5310 send 5 5 room:a phx_join {}
                + 7210 send 4 4 room:a phx_join {}
                - 5410 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a topic joined twice, with other params",
        {
            0: [Connect(), Join("room:a", {"n": 1})],
            500: [Join("room:a", {"n": 2}, handle="second")],
            1000: [Lose()],
            2000: [],
        },
        differs={
            "takeover": """
                - 500 send 1 2 room:a phx_leave {}
                - 500 send 3 3 room:a phx_join {"n":2}
                + 500 send 2 2 room:a phx_join {"n":2}
                - 1110 send 4 4 room:a phx_join {"n":2}
                + 1110 send 3 3 room:a phx_join {"n":2}
                - 500 room:a closed
                + 500 room:a taken over
            """,
        },
    ),
    Scenario(
        "a topic joined twice, with the same params",
        {0: [Connect(), Join("room:a")], 500: [Join("room:a", handle="second")], 1000: []},
        differs={
            "one-join": """
                - 500 send 1 2 room:a phx_leave {}
                - 500 send 3 3 room:a phx_join {}
                - 500 room:a closed
                - 600 second joined {}
                + 500 second joined {}
            """,
        },
    ),
    Scenario(
        "a topic joined twice, before the first join is answered",
        {0: [Connect(), Join("room:a", {"n": 1})], 150: [Join("room:a", {"n": 2}, handle="second")], 1000: []},
        differs={
            "takeover": """
                - 150 send 1 2 room:a phx_leave {}
                - 150 send 3 3 room:a phx_join {"n":2}
                + 150 send 2 2 room:a phx_join {"n":2}
                - 150 room:a closed
                + 150 room:a taken over
            """,
        },
    ),
    Scenario(
        "a topic joined twice, before there is a connection",
        {0: [Connect(), Join("room:a", {"n": 1})], 50: [Join("room:a", {"n": 2}, handle="second")], 1000: []},
        differs={
            "takeover": """
                - 50 room:a closed
                + 50 room:a taken over
            """,
        },
    ),
    Scenario(
        "a channel joined twice",
        {0: [Connect(), Join("room:a")], 500: [JoinAgain("room:a")], 1000: []},
        differs={
            "one-join": """
                - 500 threw Error
                + 500 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a topic is left and joined again at once",
        {
            0: [Connect(), Join("room:a")],
            500: [Leave("room:a"), Join("room:a", {"again": 1})],
            2000: [Lose()],
            3000: [],
        },
    ),
    Scenario(
        "a topic is needed no more, and needed again at the same instant",
        {0: [Connect(), Join("room:a")], 500: [Release("room:a"), Join("room:a")], 2000: []},
        differs={
            "release": """
                - 500 send 1 2 room:a phx_leave {}
                - 500 send 3 3 room:a phx_join {}
                - 600 room:a joined {}
                + 500 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a server that has forgotten a channel",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 3000: []},
        server=Server(answers={"one": [Reply(unmatched=True)]}),
        differs={
            "forgotten": """
                + 1600 send 3 3 room:a phx_join {}
                + 1700 room:a joined {}
            """,
        },
    ),
]
