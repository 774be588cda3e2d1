"""What comes from the server by itself."""

from __future__ import annotations

from tests.official.scenario import (
    Binary,
    Connect,
    Join,
    Listen,
    Lose,
    Nothing,
    Push,
    Raw,
    Reply,
    Say,
    Scenario,
    Server,
)

SCENARIOS = [
    Scenario(
        "pushes and broadcasts, with any payload",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "news", {"n": 1})],
            600: [Say("room:a", "news", [1], join=None)],
            700: [Say("room:a", "other", "text")],
            1000: [],
        },
    ),
    Scenario(
        "what belongs to an earlier join",
        {
            0: [Connect(), Join("room:a")],
            500: [Lose()],
            1000: [Say("room:a", "news", {"n": 1}, join=-2)],
            1100: [Say("room:a", "news", {"n": 2})],
            2000: [],
        },
    ),
    Scenario(
        "what belongs to a join that the client never made",
        {0: [Connect(), Join("room:a")], 500: [Raw('["999",null,"room:a","news",{}]')], 1000: []},
    ),
    Scenario(
        "what is for another topic",
        {0: [Connect(), Join("room:a")], 500: [Say("room:b", "news", {}, join=None)], 1000: []},
    ),
    Scenario(
        "binary pushes, broadcasts and replies",
        {
            0: [Connect(), Join("room:a")],
            500: [Binary("room:a", "news", b"\x00\xff")],
            600: [Binary("room:a", "news", b"", join=None)],
            700: [Push("room:a", "one")],
            800: [Binary("room:a", "ok", b"\x80", ref="last")],
            1000: [],
        },
        server=Server(answers={"one": [Nothing()]}),
    ),
    Scenario(
        "a broadcast while joining",
        {0: [Connect(), Join("room:a")], 150: [Say("room:a", "news", {}, join=None)], 1000: []},
        differs={
            "not-joined": """
                - 150 room:a got news {}
            """,
        },
    ),
    Scenario(
        "a broadcast while waiting to join again",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "phx_error")],
            700: [Say("room:a", "news", {}, join=None)],
            2000: [],
        },
        differs={
            "not-joined": """
                - 700 room:a got news {}
            """,
        },
    ),
    Scenario(
        "a push before the join is answered",
        {0: [Connect(), Join("room:a")], 150: [Say("room:a", "news", {"early": True})], 1000: []},
    ),
    Scenario(
        "what is no message is no reason to stop",
        {
            0: [Connect(), Join("room:a")],
            500: [Raw("nonsense")],
            600: [Raw('{"a":1}')],
            700: [Say("room:a", "news", {})],
            1000: [],
        },
        differs={
            "malformed": """
                - 500 threw SyntaxError
                - 600 threw TypeError
            """,
        },
    ),
    Scenario(
        "an observer that raises",
        {
            0: [Connect(), Join("room:a"), Listen("room:a", "news", raises=True), Listen("room:a", "news")],
            500: [Say("room:a", "news", 1)],
            600: [Say("room:a", "news", 2)],
            1000: [],
        },
        differs={
            "observer-raises": """
                - 500 threw Error
                + 500 room:a heard news 1
                - 600 threw Error
                + 600 room:a heard news 2
            """,
        },
    ),
    Scenario(
        "a message between a push and its reply",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 550: [Say("room:a", "news")], 1000: []},
        server=Server(answers={"one": [Reply(response={"n": 1})]}),
    ),
]
