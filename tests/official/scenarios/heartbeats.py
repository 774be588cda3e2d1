"""Heartbeats, and what follows when they are not answered."""

from __future__ import annotations

from tests.official.scenario import (
    Connect,
    Disconnect,
    Hang,
    Join,
    Lose,
    Nothing,
    Options,
    Ping,
    Push,
    Reply,
    Scenario,
    Server,
    Sleep,
)

SCENARIOS = [
    Scenario("a heartbeat goes out half a minute after the answer to the one before", {0: [Connect()], 95_000: []}),
    Scenario(
        "heartbeats at the interval that the user says, whatever else is sent",
        {0: [Connect(), Join("room:a")], 1500: [Push("room:a", "one")], 1900: [Push("room:a", "two")], 7000: []},
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "answers that take their time",
        {0: [Connect()], 12_000: []},
        server=Server(answers={"heartbeat": [Reply(after=1900), Reply(after=10), Reply(after=1000)]}),
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "a heartbeat that is not answered",
        {0: [Connect(), Join("room:a")], 65_000: []},
        server=Server(answers={"heartbeat": [Nothing()]}),
    ),
    Scenario(
        "a heartbeat that is answered with an error",
        {0: [Connect()], 7000: []},
        server=Server(answers={"heartbeat": [Reply("error")]}),
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "a connection that falls silent",
        {0: [Connect(), Join("room:a")], 3000: [Hang()], 10_000: []},
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "an answer that comes when the next connection is there",
        {0: [Connect(), Join("room:a")], 10_000: []},
        server=Server(answers={"heartbeat": [Reply(after=2300)]}),
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "a close that takes its time",
        {0: [Connect(), Join("room:a")], 10_000: []},
        server=Server(answers={"heartbeat": [Nothing()]}, closes_after=100),
        options=Options(heartbeat_interval=2000),
        differs={
            "close-poll": """
                - 4260 connect websocket vsn=2.0.0
                - 4360 send 3 3 room:a phx_join {}
                - 6360 send - 4 phoenix heartbeat {}
                - 8460 send - 5 phoenix heartbeat {}
                + 4110 connect websocket vsn=2.0.0
                + 4210 send 3 3 room:a phx_join {}
                + 6210 send - 4 phoenix heartbeat {}
                + 8310 send - 5 phoenix heartbeat {}
                - 4460 room:a joined {}
                + 4310 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a close that is never answered",
        {0: [Connect(), Join("room:a")], 10_000: []},
        server=Server(answers={"heartbeat": [Nothing()]}, closes_after=None),
        options=Options(heartbeat_interval=2000),
        differs={
            "close-poll": """
                - 5610 connect websocket vsn=2.0.0
                - 5710 send 3 3 room:a phx_join {}
                - 7710 send - 4 phoenix heartbeat {}
                - 9810 send - 5 phoenix heartbeat {}
                + 4110 connect websocket vsn=2.0.0
                + 4210 send 3 3 room:a phx_join {}
                + 6210 send - 4 phoenix heartbeat {}
                + 8310 send - 5 phoenix heartbeat {}
                - 5810 room:a joined {}
                + 4310 room:a joined {}
            """,
        },
    ),
    Scenario(
        "a connection that is lost while a heartbeat is unanswered",
        {0: [Connect(), Join("room:a")], 3000: [Lose()], 9000: []},
        server=Server(answers={"heartbeat": [Nothing()]}),
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "disconnected while a heartbeat is unanswered",
        {0: [Connect(), Join("room:a")], 3000: [Disconnect(1000)], 9000: []},
        server=Server(answers={"heartbeat": [Nothing()]}),
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "a ping is a heartbeat that the user measures, and postpones none",
        {0: [Connect()], 1000: [Ping()], 5000: []},
        options=Options(heartbeat_interval=2000),
    ),
    Scenario(
        "no heartbeat is believed to be lost while a join is not answered",
        {0: [Connect(), Join("room:a")], 9000: []},
        server=Server(answers={"phx_join": [Reply(after=6000)], "heartbeat": [Reply(after=4000)]}),
        options=Options(heartbeat_interval=2000),
        differs={
            "slow-join": """
                - 4100 close 1000 heartbeat timeout
                - 4110 connect websocket vsn=2.0.0
                - 4210 send 3 3 room:a phx_join {}
                - 6210 send - 4 phoenix heartbeat {}
                - 8310 send - 5 phoenix heartbeat {}
                + 8100 send - 3 phoenix heartbeat {}
                - 4310 room:a joined {}
                + 6100 room:a joined {}
            """,
        },
    ),
    Scenario(
        "the machine has slept",
        {0: [Connect(), Join("room:a")], 10_000: [Sleep(3_600_000), Hang()], 65_000: []},
        differs={
            "clock-jump": """
                - 60100 close 1000 heartbeat timeout
                - 60110 connect websocket vsn=2.0.0
                - 60210 send 3 3 room:a phx_join {}
                + 35100 close 1000 heartbeat timeout
                + 35110 connect websocket vsn=2.0.0
                + 35210 send 3 3 room:a phx_join {}
                - 60310 room:a joined {}
                + 35310 room:a joined {}
            """,
        },
    ),
]
