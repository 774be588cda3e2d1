"""Leaving, in every state of a channel."""

from __future__ import annotations

from tests.official.scenario import (
    Connect,
    Disconnect,
    Join,
    Leave,
    Lose,
    Nothing,
    Options,
    Push,
    Release,
    Reply,
    Say,
    Scenario,
    Server,
)

SCENARIOS = [
    Scenario("leaving when joined", {0: [Connect(), Join("room:a")], 500: [Leave("room:a")], 2000: []}),
    Scenario("needed no more when joined", {0: [Connect(), Join("room:a")], 500: [Release("room:a")], 2000: []}),
    Scenario("leaving while joining", {0: [Connect(), Join("room:a")], 150: [Leave("room:a")], 2000: []}),
    Scenario("needed no more while joining", {0: [Connect(), Join("room:a")], 150: [Release("room:a")], 2000: []}),
    Scenario(
        "leaving while connecting for the first time", {0: [Connect(), Join("room:a")], 50: [Leave("room:a")], 2000: []}
    ),
    Scenario(
        "leaving while connecting again",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Lose()], 550: [Leave("room:a")], 2000: []},
    ),
    Scenario(
        "leaving while waiting to connect again",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Lose()], 505: [Release("room:a")], 2000: []},
    ),
    Scenario(
        "leaving while offline",
        {
            0: [Connect(), Join("room:a"), Join("room:b")],
            500: [Disconnect(1000)],
            1000: [Leave("room:a")],
            1500: [Connect()],
            3000: [],
        },
    ),
    Scenario(
        "leaving after a crash",
        {0: [Connect(), Join("room:a")], 500: [Say("room:a", "phx_error")], 700: [Leave("room:a")], 3000: []},
        differs={
            "leave-nothing": """
                - 700 send 1 2 room:a phx_leave {}
            """,
        },
    ),
    Scenario(
        "leaving after a refusal",
        {0: [Connect(), Join("room:a")], 700: [Leave("room:a")], 3000: []},
        server=Server(answers={"phx_join": [Reply("error", {"reason": "no"}, times=5)]}),
        differs={
            "leave-nothing": """
                - 700 send 1 2 room:a phx_leave {}
            """,
            "refused-join": """
                - 700 room:a closed
            """,
        },
    ),
    Scenario(
        "leaving after a join that was not answered",
        {0: [Connect()], 500: [Join("room:a", timeout=1000)], 1700: [Leave("room:a")], 5000: []},
        server=Server(answers={"phx_join": [Nothing()]}),
        differs={
            "leave-nothing": """
                - 1700 send - 3 room:a phx_leave {}
            """,
        },
    ),
    Scenario(
        "a crash while leaving",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a")], 550: [Say("room:a", "phx_error")], 3000: []},
        server=Server(answers={"phx_leave": [Nothing()]}),
    ),
    Scenario(
        "a leave that is refused",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a")], 3000: []},
        server=Server(answers={"phx_leave": [Reply("error", {"reason": "no"})]}),
    ),
    Scenario(
        "the connection is lost before a leave is answered",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Leave("room:a")], 550: [Lose()], 3000: []},
    ),
    Scenario(
        "leaving and joining again while joining",
        {0: [Connect(), Join("room:a")], 150: [Leave("room:a"), Join("room:a", {"again": 1})], 3000: []},
    ),
    Scenario(
        "leaving after a close",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_close", ref="join")],
            700: [Leave("room:a")],
            3000: [],
        },
        differs={
            "leave-nothing": """
                - 700 send 1 2 room:a phx_leave {}
                - 700 room:a closed
            """,
        },
    ),
    Scenario(
        "leaving twice",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a")], 700: [Leave("room:a")], 3000: []},
        differs={
            "leave-nothing": """
                - 700 send 1 3 room:a phx_leave {}
                - 700 room:a closed
            """,
        },
    ),
    Scenario(
        "leaving twice at once",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a"), Leave("room:a")], 3000: []},
        differs={
            "leave-nothing": """
                - 500 send 1 3 room:a phx_leave {}
                - 500 room:a closed
            """,
        },
    ),
    Scenario(
        "hearing that it was left",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a", told=True)], 2000: []},
        differs={
            "leave-acknowledged": """
                - 500 room:a left
                + 600 room:a left
            """,
        },
    ),
    Scenario(
        "a leave that is not answered",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a", told=True)], 12_000: []},
        server=Server(answers={"phx_leave": [Nothing()]}),
        options=Options(heartbeat_interval=60_000),
        differs={
            "leave-acknowledged": """
                - 500 room:a left
                + 10500 room:a left
            """,
        },
    ),
    Scenario(
        "one of two topics is left, and a lost connection brings back the other",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Leave("room:a")], 1000: [Lose()], 3000: []},
    ),
    Scenario(
        "what comes for a topic that was left",
        {
            0: [Connect(), Join("room:a")],
            500: [Leave("room:a")],
            550: [Say("room:a", "news")],
            2000: [Say("room:a", "news", join=None)],
            3000: [],
        },
    ),
    Scenario(
        "a reply to a push that comes after leaving",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", timeout=1000)], 550: [Leave("room:a")], 3000: []},
        differs={
            "interrupted": """
                + 550 room:a one interrupted
                - 1500 room:a one timeout
            """,
        },
    ),
    Scenario(
        "pushes are held, and the topic is left",
        {0: [Connect(), Join("room:a")], 150: [Push("room:a", "one", timeout=1000)], 170: [Leave("room:a")], 3000: []},
        differs={
            "interrupted": """
                + 170 room:a one interrupted
                - 1150 room:a one timeout
            """,
        },
    ),
    Scenario(
        "disconnecting at the instant of leaving",
        {0: [Connect(), Join("room:a")], 500: [Leave("room:a"), Disconnect(1000)], 2000: [Connect()], 3000: []},
    ),
    Scenario(
        "a connection is lost at the instant of leaving",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Leave("room:a"), Lose()], 3000: []},
    ),
    Scenario(
        "a topic is left before there was a connection, and joined later",
        {0: [Join("room:a")], 100: [Leave("room:a")], 200: [Connect()], 500: [Join("room:a")], 1000: []},
        differs={
            "lease": """
                + 0 connect websocket vsn=2.0.0
                + 100 close 1000
            """,
        },
    ),
]
