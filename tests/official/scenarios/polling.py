"""Long polling: sessions, batches, and what ends them."""

from __future__ import annotations

from tests.official.scenario import (
    Connect,
    Count,
    Disconnect,
    EndSession,
    Join,
    Leave,
    Nothing,
    Options,
    PollAnswer,
    Push,
    Refuse,
    Reply,
    Say,
    Scenario,
    Server,
    Stall,
)

POLLING = Options(transport="longpoll")

SCENARIOS = [
    Scenario(
        "by long polling: a session, a join, a push",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", {"n": 1})], 1000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: params are in the query of each request",
        {0: [Connect(), Join("room:a")], 1000: []},
        options=Options(transport="longpoll", params={"user": "ann"}),
    ),
    Scenario(
        "by long polling: params that are a function, and a session that ends",
        {0: [Connect(), Join("room:a")], 500: [EndSession()], 25_000: []},
        options=Options(transport="longpoll", params=Count("n")),
    ),
    Scenario(
        "by long polling: a poll runs out and the next one begins, without heartbeats",
        {0: [Connect(), Join("room:a")], 95_000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: what is sent at one instant goes together, in order",
        {
            0: [Connect(), Join("room:a"), Join("room:b")],
            50: [Join("room:c")],
            500: [Push("room:a", "one"), Push("room:b", "two")],
            2000: [],
        },
        options=POLLING,
    ),
    Scenario(
        "by long polling: what is sent while a post is on its way goes with the next one",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one")],
            510: [Push("room:a", "two")],
            520: [Push("room:a", "three")],
            2000: [],
        },
        options=POLLING,
    ),
    Scenario(
        "by long polling: a hundred frames go in one post",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", times=250)], 2000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: frames behind a batch of more than a hundred",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one", times=150)],
            520: [Push("room:a", "two")],
            2000: [],
        },
        options=POLLING,
        differs={
            "polling-batches": """
                - 600 post vsn=2.0.0 session in query
                - 600 send 1 152 room:a two {}
                + 550 send 1 152 room:a two {}
                - 700 get vsn=2.0.0 session in query
                - 700 room:a two ok {}
                + 650 room:a two ok {}
            """,
        },
    ),
    Scenario(
        "by long polling: bytes go as base64",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", bytes=b"\x00\xff")], 2000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: several messages come with one poll, in order",
        {
            0: [Connect(), Join("room:a")],
            500: [Say("room:a", "news", 1), Say("room:a", "news", 2), Say("room:a", "other", 3)],
            2000: [],
        },
        options=POLLING,
    ),
    Scenario(
        "by long polling: leaving", {0: [Connect(), Join("room:a")], 500: [Leave("room:a")], 2000: []}, options=POLLING
    ),
    Scenario(
        "by long polling: leaving while joining",
        {0: [Connect(), Join("room:a")], 130: [Leave("room:a")], 2000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: disconnecting and connecting again",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect()], 2000: [Connect()], 3000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: disconnecting while connecting",
        {0: [Connect()], 50: [Disconnect()], 2000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: disconnecting at the instant of leaving",
        {0: [Connect(), Join("room:a")], 1000: [Leave("room:a"), Disconnect()], 2000: []},
        options=POLLING,
        differs={
            "flush": """
                + 1000 post vsn=2.0.0 session in query
                + 1000 send 1 2 room:a phx_leave {}
            """,
        },
    ),
    Scenario(
        "by long polling: attempts that are refused",
        {0: [Connect()], 5000: []},
        server=Server(attempts=[Refuse(403)] * 3),
        options=POLLING,
        differs={
            "server-asks": """
                - 110 connect longpoll vsn=2.0.0
                - 260 connect longpoll vsn=2.0.0
                - 460 connect longpoll vsn=2.0.0
                - 560 get vsn=2.0.0 session in query
                + 1100 connect longpoll vsn=2.0.0
                + 2200 connect longpoll vsn=2.0.0
                + 3300 connect longpoll vsn=2.0.0
                + 3400 get vsn=2.0.0 session in query
            """,
        },
    ),
    Scenario(
        "by long polling: attempts that the server fails at",
        {0: [Connect()], 3000: []},
        server=Server(attempts=[Refuse(500)] * 3),
        options=POLLING,
    ),
    Scenario(
        "by long polling: attempts that are not answered",
        {0: [Connect()], 25_000: []},
        server=Server(attempts=[Stall(), Stall()]),
        options=POLLING,
        differs={
            "connect-timeout": """
                - 20010 connect longpoll vsn=2.0.0
                + 10010 connect longpoll vsn=2.0.0
                + 20060 connect longpoll vsn=2.0.0
                + 20160 get vsn=2.0.0 session in query
            """,
        },
    ),
    Scenario(
        "by long polling: a session that ends is noticed by the next poll",
        {0: [Connect(), Join("room:a")], 500: [EndSession()], 20_000: []},
        options=POLLING,
    ),
    Scenario(
        "by long polling: a session that ends is noticed by the next post",
        {0: [Connect(), Join("room:a")], 500: [EndSession()], 600: [Push("room:a", "one", timeout=2000)], 5000: []},
        options=POLLING,
        differs={
            "interrupted": """
                + 650 room:a one interrupted
                - 2600 room:a one timeout
            """,
        },
    ),
    Scenario(
        "by long polling: a poll that is not answered",
        {0: [Connect(), Join("room:a")], 25_000: []},
        server=Server(polls=[None, PollAnswer(None)]),
        options=POLLING,
    ),
    Scenario(
        "by long polling: a poll that the server fails at",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(polls=[None, PollAnswer(500)]),
        options=POLLING,
    ),
    Scenario(
        "by long polling: a poll that fails on the way",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(polls=[None, PollAnswer(500, http=502)]),
        options=POLLING,
    ),
    Scenario(
        "by long polling: a poll that is refused",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(polls=[None, PollAnswer(403)]),
        options=POLLING,
    ),
    Scenario(
        "by long polling: a poll that is answered with a status that nobody knows",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(polls=[None, PollAnswer(418)]),
        options=POLLING,
        differs={
            "polling-status": """
                + 260 connect longpoll vsn=2.0.0
                + 360 get vsn=2.0.0 session in query
                + 360 post vsn=2.0.0 session in query
                + 360 send 2 2 room:a phx_join {}
                + 460 get vsn=2.0.0 session in query
                - 250 threw Error
                + 460 room:a joined {}
            """,
        },
    ),
    Scenario(
        "by long polling: a post that is refused",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(posts=[PollAnswer(403)]),
        options=POLLING,
    ),
    Scenario(
        "by long polling: a post that is not answered",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 25_000: []},
        server=Server(posts=[PollAnswer(), PollAnswer(None)]),
        options=POLLING,
    ),
    Scenario(
        "by long polling: a post that the server fails at",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", timeout=2000)], 5000: []},
        server=Server(posts=[PollAnswer(), PollAnswer(500, http=500)]),
        options=POLLING,
        differs={
            "interrupted": """
                + 550 room:a one interrupted
                - 2500 room:a one timeout
            """,
        },
    ),
    Scenario(
        "by long polling: a frame that takes longer than a post may",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 25_000: []},
        server=Server(posts=[PollAnswer(), PollAnswer(408)], answers={"one": [Reply(response={}, after=2000)]}),
        options=POLLING,
        differs={
            "polling-408": """
                - 560 connect longpoll vsn=2.0.0
                - 660 get vsn=2.0.0 session in query
                - 660 post vsn=2.0.0 session in query
                - 660 send 3 3 room:a phx_join {}
                - 760 get vsn=2.0.0 session in query
                - 10760 get vsn=2.0.0 session in query
                - 20760 get vsn=2.0.0 session in query
                + 2500 get vsn=2.0.0 session in query
                + 12500 get vsn=2.0.0 session in query
                + 22500 get vsn=2.0.0 session in query
                - 760 room:a joined {}
                - 10500 room:a one timeout
                + 2500 room:a one ok {}
            """,
        },
    ),
    Scenario(
        "by long polling: the first of several frames takes longer than a post may",
        {
            0: [Connect(), Join("room:a")],
            500: [Push("room:a", "one", timeout=2000), Push("room:a", "two", timeout=2000)],
            2000: [Push("room:a", "three"), Push("room:a", "four")],
            5000: [],
        },
        server=Server(posts=[PollAnswer(), PollAnswer(408)], answers={"one": [Nothing()], "two": [Nothing()]}),
        options=POLLING,
        differs={
            "polling-408": """
                - 2000 send 4 6 room:a four {}
                + 2050 post vsn=2.0.0 session in query
                + 2050 send 4 6 room:a four {}
                + 2150 get vsn=2.0.0 session in query
                - 2100 room:a four ok {}
                + 2150 room:a four ok {}
            """,
            "interrupted": """
                + 550 room:a one interrupted
                + 550 room:a two interrupted
                - 2500 room:a one timeout
                - 2500 room:a two timeout
            """,
        },
    ),
    Scenario(
        "by long polling: a session that seems gone while a post is not answered",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one")], 25_000: []},
        server=Server(
            posts=[PollAnswer(), PollAnswer(after=3000)],
            polls=[None, None, PollAnswer(410)],
            answers={"one": [Reply(after=2500)]},
        ),
        options=POLLING,
        differs={
            "polling-410": """
                - 3060 connect longpoll vsn=2.0.0
                - 3160 get vsn=2.0.0 session in query
                - 3160 post vsn=2.0.0 session in query
                - 3160 send 3 3 room:a phx_join {}
                - 3260 get vsn=2.0.0 session in query
                - 13260 get vsn=2.0.0 session in query
                - 23260 get vsn=2.0.0 session in query
                + 3500 get vsn=2.0.0 session in query
                + 13500 get vsn=2.0.0 session in query
                + 23500 get vsn=2.0.0 session in query
                - 3260 room:a joined {}
            """,
        },
    ),
    Scenario(
        "by long polling: a server that takes the session's token in a header",
        {0: [Connect(), Join("room:a")], 1000: []},
        server=Server(reads_header=True),
        options=POLLING,
        differs={
            "session-token": """
                - 100 get vsn=2.0.0 session in query
                - 100 post vsn=2.0.0 session in query
                + 100 get vsn=2.0.0 session in header
                + 100 post vsn=2.0.0 session in header
                - 200 get vsn=2.0.0 session in query
                + 200 get vsn=2.0.0 session in header
            """,
        },
    ),
    Scenario(
        "by long polling: a token of the user's",
        {0: [Connect(), Join("room:a")], 1000: []},
        options=Options(transport="longpoll", auth_token="s3cret"),
        differs={
            "polling-auth-token": """
                - 100 get vsn=2.0.0 session in query with auth token
                + 100 get vsn=2.0.0 session in query
                - 200 get vsn=2.0.0 session in query with auth token
                + 200 get vsn=2.0.0 session in query
            """,
        },
    ),
    Scenario(
        "by long polling: a param that has the name of the session's token",
        {0: [Connect(), Join("room:a")], 1000: []},
        options=Options(transport="longpoll", params={"token": "mine", "user": "ann"}),
    ),
    Scenario(
        "by long polling: more bytes than a post may have",
        {0: [Connect(), Join("room:a")], 500: [Push("room:a", "one", "x" * 400_000, times=4)], 2000: []},
        options=POLLING,
        differs={
            "polling-batches": """
                - 500 send 1 4 room:a one "xxxxxxxxxxxxxxx... 400026 characters
                - 500 send 1 5 room:a one "xxxxxxxxxxxxxxx... 400026 characters
                + 550 post vsn=2.0.0 session in query
                + 550 send 1 4 room:a one "xxxxxxxxxxxxxxx... 400026 characters
                + 550 send 1 5 room:a one "xxxxxxxxxxxxxxx... 400026 characters
                + 650 get vsn=2.0.0 session in query
                - 600 room:a one ok xxxxxxxxxxxxxxxxxxxxxx... 400018 characters
                - 600 room:a one ok xxxxxxxxxxxxxxxxxxxxxx... 400018 characters
                + 650 room:a one ok xxxxxxxxxxxxxxxxxxxxxx... 400018 characters
                + 650 room:a one ok xxxxxxxxxxxxxxxxxxxxxx... 400018 characters
            """,
        },
    ),
]
