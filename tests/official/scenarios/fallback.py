"""Falling back from the WebSocket to long polling."""

from __future__ import annotations

from tests.official.scenario import (
    Connect,
    Count,
    Disconnect,
    EndSession,
    Join,
    Lose,
    Nothing,
    Open,
    Options,
    Refuse,
    Scenario,
    Server,
    Stall,
)

FALLBACK = Options(transport="fallback")

SCENARIOS = [
    Scenario(
        "with a fallback: a WebSocket that works", {0: [Connect()], 1000: [Join("room:a")], 2000: []}, options=FALLBACK
    ),
    Scenario(
        "with a fallback: a join that waits for a WebSocket",
        {0: [Connect(), Join("room:a")], 2000: []},
        options=FALLBACK,
        differs={
            "fallback-check": """
                - 100 send 1 1 room:a phx_join {}
                - 100 send - 2 phoenix heartbeat {}
                + 100 send - 1 phoenix heartbeat {}
                + 200 send 2 2 room:a phx_join {}
                - 200 room:a joined {}
                + 300 room:a joined {}
            """,
        },
    ),
    Scenario(
        "with a fallback: a WebSocket that is refused",
        {0: [Connect(), Join("room:a")], 2000: []},
        server=Server(attempts=[Refuse()]),
        options=FALLBACK,
    ),
    Scenario(
        "with a fallback: a WebSocket that stalls",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(attempts=[Stall()]),
        options=FALLBACK,
    ),
    Scenario(
        "with a fallback: a WebSocket that opens and lets nothing pass",
        {0: [Connect()], 6000: []},
        server=Server(answers={"heartbeat": [Nothing()]}),
        options=FALLBACK,
        differs={
            "close-code": """
                - 2600 close -
                + 2600 close 1000
            """,
        },
    ),
    Scenario(
        "with a fallback: a WebSocket that stalls for as long as the user says",
        {0: [Connect()], 2000: []},
        server=Server(attempts=[Stall()]),
        options=Options(transport="fallback", fallback_after=700),
    ),
    Scenario(
        "with a fallback: a WebSocket that opens and is lost before it has answered",
        {0: [Connect(), Join("room:a")], 150: [Lose()], 2000: []},
        server=Server(answers={"heartbeat": [Nothing()]}),
        options=FALLBACK,
        differs={
            "fallback-check": """
                - 100 send 1 1 room:a phx_join {}
                - 100 send - 2 phoenix heartbeat {}
                + 100 send - 1 phoenix heartbeat {}
            """,
            "fallback-lost": """
                - 160 connect websocket vsn=2.0.0
                - 260 send 3 3 room:a phx_join {}
                - 260 send - 4 phoenix heartbeat {}
                + 150 connect longpoll vsn=2.0.0
                + 250 get vsn=2.0.0 session in query
                + 250 post vsn=2.0.0 session in query
                + 250 send 2 2 room:a phx_join {}
                + 350 get vsn=2.0.0 session in query
                - 360 room:a joined {}
                + 350 room:a joined {}
            """,
        },
    ),
    Scenario(
        "with a fallback: params that are a function",
        {0: [Connect(), Join("room:a")], 2000: []},
        server=Server(attempts=[Refuse()]),
        options=Options(transport="fallback", params=Count("n")),
        differs={
            "fallback-params": """
                - 100 connect longpoll n=2&vsn=2.0.0
                - 200 get n=2&vsn=2.0.0 session in query
                - 200 post n=2&vsn=2.0.0 session in query
                + 100 connect longpoll n=1&vsn=2.0.0
                + 200 get n=1&vsn=2.0.0 session in query
                + 200 post n=1&vsn=2.0.0 session in query
                - 300 get n=2&vsn=2.0.0 session in query
                + 300 get n=1&vsn=2.0.0 session in query
            """,
        },
    ),
    Scenario(
        "with a fallback: what was needed is remembered",
        {0: [Connect(), Join("room:a")], 1000: []},
        options=Options(transport="fallback", remembered=True),
    ),
    Scenario(
        "with a fallback: a WebSocket that has worked is refused once",
        {0: [Connect()], 1000: [Join("room:a")], 2000: [Lose()], 5000: []},
        server=Server(attempts=[Open(), Refuse()]),
        options=FALLBACK,
        differs={
            "fallback-for-good": """
                - 2110 connect longpoll vsn=2.0.0
                - 2210 get vsn=2.0.0 session in query
                - 2210 post vsn=2.0.0 session in query
                - 2210 send 3 3 room:a phx_join {}
                - 2310 get vsn=2.0.0 session in query
                + 2160 connect websocket vsn=2.0.0
                + 2260 send 3 3 room:a phx_join {}
                - 2310 room:a joined {}
                + 2360 room:a joined {}
            """,
        },
    ),
    Scenario(
        "with a fallback: a session of long polling ends",
        {0: [Connect()], 1000: [Join("room:a")], 2000: [EndSession()], 25_000: []},
        server=Server(attempts=[Refuse()]),
        options=FALLBACK,
        differs={
            "fallback-for-good": """
                - 11160 connect longpoll vsn=2.0.0
                - 11260 get vsn=2.0.0 session in query
                - 11260 post vsn=2.0.0 session in query
                - 11260 send 2 2 room:a phx_join {}
                - 11360 get vsn=2.0.0 session in query
                - 21360 get vsn=2.0.0 session in query
                + 11160 connect websocket vsn=2.0.0
                + 11260 send - 2 phoenix heartbeat {}
                + 11360 send 3 3 room:a phx_join {}
                - 11360 room:a joined {}
                + 11460 room:a joined {}
            """,
        },
    ),
    Scenario(
        "with a fallback: neither works",
        {0: [Connect()], 2000: []},
        server=Server(attempts=[Refuse(500)] * 30),
        options=FALLBACK,
        differs={
            "fallback-for-good": """
                - 210 connect longpoll vsn=2.0.0
                - 360 connect longpoll vsn=2.0.0
                + 210 connect websocket vsn=2.0.0
                + 310 connect longpoll vsn=2.0.0
                + 460 connect websocket vsn=2.0.0
                - 810 connect longpoll vsn=2.0.0
                - 1110 connect longpoll vsn=2.0.0
                - 1460 connect longpoll vsn=2.0.0
                + 760 connect websocket vsn=2.0.0
                + 860 connect longpoll vsn=2.0.0
                + 1110 connect websocket vsn=2.0.0
                + 1210 connect longpoll vsn=2.0.0
                + 1510 connect websocket vsn=2.0.0
                + 1610 connect longpoll vsn=2.0.0
                + 1960 connect websocket vsn=2.0.0
            """,
        },
    ),
    Scenario(
        "with a fallback: disconnecting before it is known",
        {0: [Connect()], 1000: [Disconnect()], 5000: []},
        server=Server(attempts=[Stall()]),
        options=FALLBACK,
    ),
]
