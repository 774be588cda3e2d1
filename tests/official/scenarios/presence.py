"""Presence: states, differences, rejoins; the message itself goes to who listens to all, too."""

from __future__ import annotations

from typing import Any

from tests.official.scenario import Connect, Join, Lose, Presence, Say, Scenario


def metas(**refs: str) -> dict[str, Any]:
    """Keys with one meta each."""
    return {key: {"metas": [{"phx_ref": ref}]} for key, ref in refs.items()}


def state(present: Any) -> Say:
    return Say("room:a", "presence_state", present)


def diff(joins: Any = None, leaves: Any = None) -> Say:
    return Say("room:a", "presence_diff", {"joins": joins or {}, "leaves": leaves or {}})


SCENARIOS = [
    Scenario(
        "presence: a state, who comes and who goes",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1", bob="2"))],
            600: [diff(metas(cat="3"))],
            700: [diff(leaves=metas(ann="1"))],
            800: [diff(metas(dan="4"), metas(bob="2"))],
            1000: [],
        },
    ),
    Scenario(
        "presence: one comes twice and goes twice",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1"))],
            600: [diff(metas(ann="2"))],
            700: [diff(leaves=metas(ann="1"))],
            800: [diff(leaves=metas(ann="2"))],
            1000: [],
        },
    ),
    Scenario(
        "presence: a meta changes",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state({"ann": {"metas": [{"phx_ref": "1", "on": "phone"}]}})],
            600: [
                diff(
                    {"ann": {"metas": [{"phx_ref": "2", "phx_ref_prev": "1", "on": "desk"}]}},
                    {"ann": {"metas": [{"phx_ref": "1", "on": "phone"}]}},
                )
            ],
            1000: [],
        },
    ),
    Scenario(
        "presence: fields beside the metas",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state({"ann": {"metas": [{"phx_ref": "1"}], "name": "Ann"}})],
            600: [diff({"ann": {"metas": [{"phx_ref": "2"}], "name": "Anna"}})],
            1000: [],
        },
    ),
    Scenario(
        "presence: differences before the state are held",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            400: [diff(metas(ann="1"))],
            450: [diff(leaves=metas(bob="2"))],
            500: [state(metas(bob="2"))],
            1000: [],
        },
    ),
    Scenario(
        "presence: who was never there goes",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1"))],
            600: [diff(leaves=metas(bob="9"))],
            1000: [],
        },
    ),
    Scenario(
        "presence: after a lost connection only what has changed is told",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1", bob="2"))],
            1000: [Lose()],
            2000: [state(metas(bob="2", cat="3"))],
            3000: [],
        },
    ),
    Scenario(
        "presence: differences while the next state is awaited are held",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1"))],
            1000: [Lose()],
            2000: [diff(metas(cat="3"))],
            2100: [state(metas(ann="1"))],
            3000: [],
        },
    ),
    Scenario(
        "presence: differences of a join whose state never came",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            400: [diff(metas(ghost="9"))],
            1000: [Lose()],
            2000: [state(metas(ann="1"))],
            3000: [],
        },
        differs={
            "presence-ghosts": """
                - 2000 room:a came ghost
                - 2000 room:a present {"ann":{"metas":[{"phx_ref":"1"}]},"ghost":{"metas":[{"phx_ref":"9"}]}}
                + 2000 room:a present {"ann":{"metas":[{"phx_ref":"1"}]}}
            """,
        },
    ),
    Scenario(
        "presence: fields that have changed in an outage",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state({"ann": {"metas": [{"phx_ref": "1"}], "name": "Ann"}})],
            1000: [Lose()],
            2000: [state({"ann": {"metas": [{"phx_ref": "1"}], "name": "Anna"}})],
            3000: [],
        },
        differs={
            "presence-resync": """
                - 2000 room:a present {"ann":{"metas":[{"phx_ref":"1"}],"name":"Ann"}}
                + 2000 room:a present {"ann":{"metas":[{"phx_ref":"1"}],"name":"Anna"}}
            """,
        },
    ),
    Scenario(
        "presence: a message of presence that is none",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1"))],
            600: [diff({"ann": {}})],
            700: [diff(metas(cat="3"))],
            1000: [],
        },
        differs={
            "presence-malformed": """
                - 600 threw TypeError
                - 700 room:a present {"ann":{},"cat":{"metas":[{"phx_ref":"3"}]}}
                + 700 room:a present {"ann":{"metas":[{"phx_ref":"1"}]},"cat":{"metas":[{"phx_ref":"3"}]}}
            """,
        },
    ),
    Scenario(
        "presence: a crash of the channel",
        {
            0: [Connect(), Join("room:a"), Presence("room:a")],
            500: [state(metas(ann="1"))],
            600: [Say("room:a", "phx_error")],
            2000: [state(metas(ann="1", bob="2"))],
            3000: [],
        },
    ),
    Scenario(
        "presence: other names for the events",
        {
            0: [Connect(), Join("room:a"), Presence("room:a", "s", "d")],
            500: [Say("room:a", "s", metas(ann="1"))],
            600: [Say("room:a", "d", {"joins": metas(bob="2"), "leaves": {}})],
            1000: [],
        },
    ),
]
