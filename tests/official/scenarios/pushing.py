"""Pushing: answered, not answered, held, interrupted."""

from __future__ import annotations

from tests.official.scenario import (
    Connect,
    Crash,
    Disconnect,
    Join,
    Leave,
    Lose,
    Nothing,
    Options,
    Push,
    Reply,
    Say,
    Scenario,
    Server,
)

QUIET = Options(heartbeat_interval=100_000)
SCENARIOS = [
    Scenario(
        "a push when joined", {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", {"n": [1, None]})], 2000: []}
    ),
    Scenario("a push without a payload", {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 2000: []}),
    Scenario(
        "a push of bytes",
        {0: [Connect(), Join("room:ä")], 500: [Push("room:ä", "one", bytes=b"\x00\xff\x80 raw")], 2000: []},
    ),
    Scenario(
        "a push that the server refuses",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 2000: []},
        server=Server(answers={"one": [Reply("error", {"reason": "no"})]}),
    ),
    Scenario(
        "a push with a status of the application's own",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 2000: []},
        server=Server(answers={"one": [Reply("busy", ["later"])]}),
    ),
    Scenario(
        "a push that is not answered",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 15_000: []},
        server=Server(answers={"one": [Nothing()]}),
    ),
    Scenario(
        "a push that is not answered in the time that it was given",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", timeout=1000)], 5000: []},
        server=Server(answers={"one": [Nothing()]}),
    ),
    Scenario(
        "a push that is not answered in the time that all are given",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 5000: []},
        server=Server(answers={"one": [Nothing()]}),
        options=Options(timeout=3000),
    ),
    Scenario(
        "an answer that comes too late",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", timeout=1000)], 5000: []},
        server=Server(answers={"one": [Reply(after=1500)]}),
    ),
    Scenario(
        "a reply that has no response, and one that is none",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one", timeout=1000)],
            600: [Say("room:a", "phx_reply", {"status": "ok"}, ref="last")],
            700: [Push("room:a", "two", timeout=1000)],
            800: [Say("room:a", "phx_reply", {}, ref="last")],
            3000: [],
        },
        server=Server(answers={"one": [Nothing()], "two": [Nothing()]}),
        differs={
            "malformed": """
                + 1700 room:a two timeout
            """,
        },
    ),
    Scenario(
        "answers in another order",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one"), Push("room:a", "two")], 5000: []},
        server=Server(answers={"one": [Reply(response=1, after=700)], "two": [Reply(response=2, after=300)]}),
    ),
    Scenario(
        "an answer that comes twice, and one to nothing",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one")],
            700: [
                Say("room:a", "phx_reply", {"status": "ok", "response": {}}, ref="last"),
                Say("room:a", "phx_reply", {"status": "ok", "response": {}}, ref="999"),
            ],
            5000: [],
        },
    ),
    Scenario(
        "pushes are held while joining, and go out in order",
        {
            0: [Connect(), Join("room:a")],
            50: [Push("room:a", "one")],
            150: [Push("room:a", "two"), Push("room:a", "three")],
            2000: [],
        },
    ),
    Scenario(
        "pushes are held while there is no connection",
        {
            0: [Connect(), Join("room:a")],
            500: [Disconnect(1000)],
            600: [Push("room:a", "one")],
            700: [Connect()],
            2000: [],
        },
    ),
    Scenario(
        "a held push goes out before what is pushed later",
        {0: [Connect(), Join("room:a")], 150: [Push("room:a", "one")], 200: [Push("room:a", "two")], 1000: []},
    ),
    Scenario(
        "pushes are held through a lost connection",
        {0: [Connect(), Join("room:a")], 150: [Push("room:a", "one")], 170: [Lose()], 2000: []},
    ),
    Scenario(
        "a held push whose time is over while there is no connection",
        {
            0: [Connect(), Join("room:a")],
            500: [Disconnect(1000)],
            600: [Push("room:a", "one", timeout=1000)],
            3000: [Connect()],
            5000: [],
        },
    ),
    Scenario(
        "an answer that does not say of which join",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one")],
            700: [Say("room:a", "phx_reply", {"status": "ok", "response": 1}, join=None, ref="last")],
            5000: [],
        },
        server=Server(answers={"one": [Nothing()]}),
        options=Options(timeout=2000),
    ),
    Scenario(
        "pushes are held after a crash",
        {0: [Connect(), Join("room:a")], 500: [Say("room:a", "phx_error")], 700: [Push("room:a", "one")], 3000: []},
    ),
    Scenario(
        "pushes are held through joins that crash",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one")], 8000: []},
        server=Server(answers={"phx_join": [Crash(), Crash()]}),
    ),
    Scenario(
        "a held push whose time is over is not sent",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one", timeout=500), Push("room:a", "two")], 3000: []},
        server=Server(answers={"phx_join": [Reply(after=1000)]}),
    ),
    Scenario(
        "a held push that is sent and then not answered",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one", timeout=2000)], 5000: []},
        server=Server(answers={"phx_join": [Reply(after=1000)], "one": [Nothing()]}),
        differs={
            "held-push": """
                - 3100 room:a one timeout
                + 2050 room:a one timeout
            """,
        },
    ),
    Scenario(
        "a held push that is sent and then answered after its time",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one", timeout=2000)], 5000: []},
        server=Server(answers={"phx_join": [Reply(after=1500)], "one": [Reply(after=1000)]}),
        differs={
            "held-push": """
                - 2600 room:a one ok {}
                + 2050 room:a one timeout
            """,
        },
    ),
    Scenario(
        "a held push, and the join is refused",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one", timeout=3000)], 900: []},
        server=Server(answers={"phx_join": [Reply("error", {"reason": "no"})]}),
        differs={
            "refused-join": """
                + 200 room:a one failed: JoinRefused
            """,
        },
    ),
    Scenario(
        "more pushes than are held",
        {0: [Connect(), Join("room:a")], 50: [Push("room:a", "one", times=1001)], 250: []},
        differs={
            "held-bound": """
                - 200 send 1 1002 room:a one {}
                + 50 room:a one failed: PushBufferFull
            """,
        },
    ),
    Scenario(
        "the connection is lost with a push unanswered",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", timeout=1000)], 550: [Lose()], 5000: []},
        differs={
            "interrupted": """
                + 550 room:a one interrupted
                - 1500 room:a one timeout
            """,
        },
    ),
    Scenario(
        "the channel crashes with a push unanswered",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", timeout=1000)], 5000: []},
        server=Server(answers={"one": [Crash()]}),
        differs={
            "interrupted": """
                - 1500 room:a one timeout
                + 600 room:a one interrupted
            """,
        },
    ),
    Scenario(
        "the channel is closed with a push unanswered",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one", timeout=1000)],
            550: [Say("room:a", "phx_close", ref="join")],
            5000: [],
        },
        server=Server(answers={"one": [Nothing()]}),
        differs={
            "interrupted": """
                + 550 room:a one interrupted
                - 1500 room:a one timeout
            """,
        },
    ),
    Scenario(
        "a push to a topic that nobody has joined",
        {0: [Connect()], 500: [Push("room:a", "one")], 2000: []},
        differs={
            "lonely-push": """
                + 500 send 1 1 room:a phx_join {}
                + 600 send 1 2 room:a one {}
                + 700 send 1 3 room:a phx_leave {}
                - 500 threw Error
                + 700 room:a one ok {}
            """,
        },
    ),
    Scenario(
        "a push to a topic that was left",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a")], 1000: [Push("room:a", "one", timeout=1000)], 3000: []},
        differs={
            "lonely-push": """
                + 1000 send 3 3 room:a phx_join {}
                + 1100 send 3 4 room:a one {}
                + 1200 send 3 5 room:a phx_leave {}
                - 2000 room:a one timeout
                + 1200 room:a one ok {}
            """,
        },
    ),
    Scenario(
        "the same push many times",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", {"n": 1}, times=20)], 2000: []},
    ),
]
