"""Connecting, reconnecting, disconnecting."""

from __future__ import annotations

from random import Random

from tests.official.scenario import (
    Connect,
    Count,
    Crash,
    Disconnect,
    Join,
    Leave,
    Lose,
    Open,
    Options,
    Ping,
    Push,
    Reconnect,
    Refuse,
    Say,
    Scenario,
    Server,
    Stall,
)


class Middle(Random):
    """Chance, without surprises."""

    def uniform(self, a: float, b: float) -> float:
        """The middle of the upper half."""
        return a + (b - a) * 0.75


SCENARIOS = [
    Scenario(
        "params, numbers and maps among them, are in the query",
        {0: [Connect()], 10: []},
        options=Options(params={"user": "ann b&c=d", "n": 1, "on": True, "at": {"x": {"y": "z"}, "w": 1.5}}),
    ),
    Scenario(
        "lists in the params",
        {0: [Connect()], 10: []},
        options=Options(params={"ids": ["a", "b"], "in": {"side": [1]}}),
        differs={
            "params-lists": """
                - 0 connect websocket ids[0]=a&ids[1]=b&in[side][0]=1&vsn=2.0.0
                + 0 connect websocket ids[]=a&ids[]=b&in[side][]=1&vsn=2.0.0
            """,
        },
    ),
    Scenario(
        "a param that is null",
        {0: [Connect()], 10: []},
        options=Options(params={"a": None, "b": "c"}),
    ),
    Scenario(
        "a token goes beside the address",
        {0: [Connect()], 10: []},
        options=Options(auth_token="s3cret??>", params={"a": "b"}),
    ),
    Scenario(
        "params that are a function are made anew for every attempt",
        {0: [Connect(), Join("room:a")], 1000: [Lose()], 2000: []},
        server=Server(attempts=[Refuse(), Refuse()]),
        options=Options(params=Count("n")),
    ),
    Scenario(
        "a token that is a function is made anew for every attempt",
        {0: [Connect(), Join("room:a")], 1000: [Lose()], 2000: []},
        server=Server(attempts=[Refuse()]),
        options=Options(auth_token=Count("text")),
    ),
    Scenario(
        "params that are a function, which raises",
        {0: [Connect(), Join("room:a")], 1000: [Lose()], 3000: []},
        options=Options(params=Count("n", raises_at=2)),
        differs={
            "function-raises": """
                + 1060 connect websocket n=3&vsn=2.0.0
                + 1160 send 2 2 room:a phx_join {}
                - 1010 threw Error
                + 1260 room:a joined {}
            """,
        },
    ),
    Scenario(
        "refused attempts come at growing intervals",
        {0: [Connect()], 30_000: []},
        server=Server(attempts=[Refuse()] * 20),
    ),
    Scenario(
        "refused attempts come at the intervals that the user says",
        {0: [Connect()], 5000: []},
        server=Server(attempts=[Refuse()] * 20),
        options=Options(reconnect_after=[300, 700, 1100]),
    ),
    Scenario(
        "an attempt that succeeds after some that did not",
        {0: [Connect(), Join("room:a")], 5000: []},
        server=Server(attempts=[Refuse(), Refuse(), Refuse()]),
    ),
    Scenario(
        "attempts that stall",
        {0: [Connect()], 25_000: []},
        server=Server(attempts=[Stall(), Stall()]),
        differs={
            "connect-timeout": """
                + 10000 drop
                + 10010 connect websocket vsn=2.0.0
                + 20010 drop
                + 20060 connect websocket vsn=2.0.0
            """,
        },
    ),
    *(
        Scenario(
            f"a connection that the server closes with {code} comes again, and its channels with it",
            {0: [Connect(), Join("room:a")], 1000: [Lose(code)], 3000: []},
        )
        for code in (1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1011, 1012, 1013, 4000, 4999)
    ),
    Scenario(
        "a connection that is lost before it is open",
        {0: [Connect(), Join("room:a")], 3000: []},
        server=Server(attempts=[Refuse(after=10), Open(after=500)]),
    ),
    Scenario(
        "a connection that is lost again and again, after the server has answered",
        {0: [Connect(), Join("room:a")], 1000: [Lose()], 2000: [Lose()], 3000: [Lose()], 4000: []},
    ),
    Scenario(
        "a connection that is lost as soon as it is open",
        {0: [Connect()], 101: [Lose()], 212: [Lose()], 400: [Lose()], 700: []},
        differs={
            "reconnect-reset": """
                - 222 connect websocket vsn=2.0.0
                - 410 connect websocket vsn=2.0.0
                + 262 connect websocket vsn=2.0.0
                + 500 connect websocket vsn=2.0.0
            """,
        },
    ),
    Scenario(
        "a connection that stays for long and says nothing has worked",
        {0: [Connect()], 25_000: [Lose()], 45_000: []},
        server=Server(attempts=[Refuse(), Refuse()]),
        options=Options(heartbeat_interval=60_000),
    ),
    Scenario(
        "frames that the server finds too big",
        {0: [Connect(), Join("room:a")], 1000: [Lose(1009)], 2000: [Lose(1009)], 3000: [Lose(1009)], 4000: []},
        differs={
            "too-big": """
                - 2010 connect websocket vsn=2.0.0
                - 2110 send 3 3 room:a phx_join {}
                - 3010 connect websocket vsn=2.0.0
                - 3110 send 4 4 room:a phx_join {}
                + 2050 connect websocket vsn=2.0.0
                + 2150 send 3 3 room:a phx_join {}
                + 3100 connect websocket vsn=2.0.0
                + 3200 send 4 4 room:a phx_join {}
                - 2210 room:a joined {}
                - 3210 room:a joined {}
                + 2250 room:a joined {}
                + 3300 room:a joined {}
            """,
        },
    ),
    Scenario(
        "disconnecting forgets the attempts that failed",
        {0: [Connect()], 1000: [Disconnect(1000)], 2000: [Connect()], 3000: []},
        server=Server(attempts=[Refuse()] * 20),
    ),
    Scenario(
        "disconnecting and connecting forgets what was waited for",
        {0: [Connect()], 1000: [Disconnect(1000), Connect()], 3000: []},
        server=Server(attempts=[Refuse()] * 20),
    ),
    Scenario(
        "a new connection at once, while one is waited for",
        {0: [Connect(), Join("room:a")], 1000: [Reconnect()], 3000: []},
        server=Server(attempts=[Refuse()] * 6),
    ),
    Scenario(
        "a new connection at once, while connecting",
        {0: [Connect(), Join("room:a")], 50: [Reconnect()], 3000: []},
    ),
    Scenario(
        "a server that restarts",
        {0: [Connect(), Join("room:a")], 1000: [Lose(1012)], 3000: []},
        options=Options(rxphoenix={"random": Middle()}),
        differs={
            "spread": """
                - 1010 connect websocket vsn=2.0.0
                - 1110 send 2 2 room:a phx_join {}
                + 1750 connect websocket vsn=2.0.0
                + 1850 send 2 2 room:a phx_join {}
                - 1210 room:a joined {}
                + 1950 room:a joined {}
            """,
        },
    ),
    Scenario(
        "attempts whose intervals are spread",
        {0: [Connect()], 6000: []},
        server=Server(attempts=[Refuse()] * 20),
        options=Options(rxphoenix={"random": Middle()}, reconnect_after=[500, 1000, 2000]),
        differs={
            "spread": """
                - 1700 connect websocket vsn=2.0.0
                - 3800 connect websocket vsn=2.0.0
                - 5900 connect websocket vsn=2.0.0
                + 1825 connect websocket vsn=2.0.0
                + 4175 connect websocket vsn=2.0.0
            """,
        },
    ),
    Scenario(
        "a join is asked for while the connection of another is lost",
        {0: [Connect(), Join("room:a")], 1000: [Lose()], 1050: [Join("room:b")], 3000: []},
        differs={
            "join-order": """
                - 1110 send 2 2 room:b phx_join {}
                - 1110 send 3 3 room:a phx_join {}
                + 1110 send 2 2 room:a phx_join {}
                + 1110 send 3 3 room:b phx_join {}
                + 1210 room:a joined {}
                - 1210 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a join is asked for while the next attempt is awaited",
        {0: [Connect(), Join("room:a")], 1000: [Lose()], 1005: [Join("room:b")], 3000: []},
        differs={
            "join-order": """
                - 1110 send 2 2 room:b phx_join {}
                - 1110 send 3 3 room:a phx_join {}
                + 1110 send 2 2 room:a phx_join {}
                + 1110 send 3 3 room:b phx_join {}
                + 1210 room:a joined {}
                - 1210 room:a joined {}
            """,
        },
    ),
    Scenario(
        "two channels crash and the connection is lost, and they come back in order",
        {
            0: [Connect(), Join("room:a"), Join("room:b"), Join("room:c")],
            500: [Say("room:c", "phx_error"), Say("room:a", "phx_error")],
            600: [Lose()],
            3000: [],
        },
    ),
    Scenario(
        "a refusal with a status",
        {0: [Connect()], 5000: []},
        server=Server(attempts=[Refuse(403)] * 3),
        differs={
            "server-asks": """
                - 110 connect websocket vsn=2.0.0
                - 260 connect websocket vsn=2.0.0
                - 460 connect websocket vsn=2.0.0
                + 1100 connect websocket vsn=2.0.0
                + 2200 connect websocket vsn=2.0.0
                + 3300 connect websocket vsn=2.0.0
            """,
        },
    ),
    Scenario(
        "a refusal that says when to come again",
        {0: [Connect()], 5000: []},
        server=Server(attempts=[Refuse(503, retry_after=3)]),
        differs={
            "server-asks": """
                - 110 connect websocket vsn=2.0.0
                + 3100 connect websocket vsn=2.0.0
            """,
        },
    ),
    Scenario(
        "a connection that is lost while another channel waits to join again",
        {0: [Connect(), Join("room:a"), Join("room:b")], 500: [Say("room:a", "phx_error")], 600: [Lose()], 3000: []},
    ),
    Scenario(
        "disconnecting and connecting again",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect(1000)], 2000: [Connect()], 3000: []},
    ),
    Scenario(
        "disconnecting with a code and a reason",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect(4001, "bye")], 5000: []},
    ),
    Scenario(
        "disconnecting without a word",
        {0: [Connect()], 1000: [Disconnect()], 5000: []},
        differs={
            "close-code": """
                - 1000 close -
                + 1000 close 1000
            """,
        },
    ),
    Scenario(
        "disconnecting while connecting",
        {0: [Connect(), Join("room:a")], 50: [Disconnect(1000)], 2000: [Connect()], 3000: []},
    ),
    Scenario(
        "disconnecting while waiting to connect again",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect(1000)], 9000: []},
        server=Server(attempts=[Refuse()] * 20),
    ),
    Scenario(
        "connecting at the instant of disconnecting",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect(1000), Connect()], 3000: []},
    ),
    Scenario(
        "connecting while the last connection still closes",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect(1000)], 1050: [Connect()], 3000: []},
        server=Server(closes_after=400),
    ),
    Scenario(
        "connecting twice",
        {0: [Connect()], 50: [Connect(), Join("room:a")], 200: [Connect()], 1000: []},
    ),
    Scenario(
        "disconnecting twice",
        {0: [Connect(), Join("room:a")], 1000: [Disconnect(1000)], 1200: [Disconnect(1000)], 2000: []},
    ),
    Scenario(
        "what happens while offline",
        {
            0: [Connect(), Join("room:a")],
            500: [Disconnect(1000)],
            600: [Join("room:b"), Push("room:a", "one")],
            700: [Leave("room:a")],
            1000: [Connect()],
            2000: [],
        },
        differs={
            "interrupted": """
                + 700 room:a one interrupted
            """,
        },
    ),
    Scenario(
        "a connection that nobody has asked for",
        {0: [Join("room:a")], 1000: []},
        differs={
            "lease": """
                + 0 connect websocket vsn=2.0.0
                + 100 send 1 1 room:a phx_join {}
                + 200 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a new connection instead of the old one",
        {0: [Connect(), Join("room:a")], 1000: [Reconnect()], 3000: []},
        differs={
            "close-code": """
                - 1000 close -
                + 1000 close 1000
            """,
        },
    ),
    Scenario(
        "a push, and a ping",
        {0: [Connect(), Join("room:a")], 300: [Push("room:a", "one")], 1000: [Ping()], 2000: []},
    ),
    Scenario(
        "a ping while there is no connection",
        {0: [Ping()], 50: [Connect()], 60: [Ping()], 200: [Ping()], 1000: [Lose()], 1001: [Ping()], 2000: []},
    ),
    Scenario(
        "a channel crashes while the connection is lost",
        {0: [Connect(), Join("room:a")], 150: [Lose()], 4000: []},
        server=Server(answers={"phx_join": [Crash()]}),
    ),
]
