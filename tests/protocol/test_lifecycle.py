"""The tables of states: closed, connected, and what the essay above them promises."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import pytest

from rxphoenix.protocol.lifecycle import CHANNEL, SOCKET, ChannelEvent, ChannelState, SocketEvent, SocketState

S, SE, C, CE = SocketState, SocketEvent, ChannelState, ChannelEvent
State = TypeVar("State", bound=StrEnum)
Event = TypeVar("Event", bound=StrEnum)


def reachable(table: Mapping[tuple[State, Event], State], start: State) -> set[State]:
    found = {start}
    while True:
        more = {target for (state, _), target in table.items() if state in found} - found
        if not more:
            return found
        found |= more


TABLES = pytest.mark.parametrize(
    ("table", "states", "events"),
    [(SOCKET, SocketState, SocketEvent), (CHANNEL, ChannelState, ChannelEvent)],
    ids=["socket", "channel"],
)


@TABLES
def test_a_table_names_its_own_states_and_events_only(
    table: Mapping[tuple[StrEnum, StrEnum], StrEnum], states: type[StrEnum], events: type[StrEnum]
):
    assert all(type(state) is states and type(event) is events for state, event in table)
    assert all(type(target) is states for target in table.values())


@TABLES
def test_every_state_is_reached_from_every_state(
    table: Mapping[tuple[StrEnum, StrEnum], StrEnum], states: type[StrEnum], events: type[StrEnum]
):
    for start in states:
        assert reachable(table, start) == set(states), f"from {start}"


@TABLES
def test_every_event_can_happen(
    table: Mapping[tuple[StrEnum, StrEnum], StrEnum], states: type[StrEnum], events: type[StrEnum]
):
    assert {event for _, event in table} == set(events)


@TABLES
def test_an_event_that_a_state_does_not_list_is_a_key_error(
    table: Mapping[tuple[StrEnum, StrEnum], StrEnum], states: type[StrEnum], events: type[StrEnum]
):
    missing = {(state, event) for state in states for event in events} - set(table)
    assert missing
    for pair in missing:
        with pytest.raises(KeyError):
            table[pair]


@TABLES
def test_a_table_cannot_be_changed(
    table: Mapping[tuple[StrEnum, StrEnum], StrEnum], states: type[StrEnum], events: type[StrEnum]
):
    with pytest.raises(TypeError):
        table[next(iter(table))] = next(iter(states))  # type: ignore[index]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([SE.CONNECT], S.CONNECTING),
        ([SE.CONNECT, SE.OPENED], S.OPEN),
        ([SE.CONNECT, SE.LOST], S.CLOSED),
        ([SE.CONNECT, SE.OPENED, SE.LOST], S.CLOSED),
        ([SE.CONNECT, SE.END], S.CLOSING),
        ([SE.CONNECT, SE.OPENED, SE.END], S.CLOSING),
        ([SE.CONNECT, SE.OPENED, SE.END, SE.ENDED], S.CLOSED),
        ([SE.CONNECT, SE.OPENED, SE.END, SE.CONNECT], S.CONNECTING),  # a new need does not wait for the old close
    ],
)
def test_a_socket_lives_as_the_essay_tells(events: list[SocketEvent], state: SocketState):
    current = S.CLOSED
    for event in events:
        current = SOCKET[current, event]
    assert current is state


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ([CE.JOIN], C.JOINING),
        ([CE.JOIN, CE.ACCEPTED], C.JOINED),
        ([CE.JOIN, CE.END], C.CLOSED),  # refused
        ([CE.JOIN, CE.FAULT], C.ERRORED),
        ([CE.JOIN, CE.ACCEPTED, CE.FAULT], C.ERRORED),
        ([CE.JOIN, CE.FAULT, CE.FAULT], C.ERRORED),
        ([CE.JOIN, CE.FAULT, CE.JOIN, CE.ACCEPTED], C.JOINED),
        ([CE.JOIN, CE.ACCEPTED, CE.END], C.CLOSED),
        ([CE.JOIN, CE.FAULT, CE.END], C.CLOSED),
        ([CE.JOIN, CE.ACCEPTED, CE.LEAVE], C.LEAVING),
        ([CE.JOIN, CE.LEAVE, CE.END], C.CLOSED),
        ([CE.JOIN, CE.FAULT, CE.LEAVE], C.LEAVING),
        ([CE.JOIN, CE.ACCEPTED, CE.LEAVE, CE.JOIN], C.JOINING),
        ([CE.WAIT], C.ERRORED),
        ([CE.WAIT, CE.JOIN], C.JOINING),
        ([CE.JOIN, CE.LEAVE, CE.WAIT], C.ERRORED),
    ],
)
def test_a_channel_lives_as_the_essay_tells(events: list[ChannelEvent], state: ChannelState):
    current = C.CLOSED
    for event in events:
        current = CHANNEL[current, event]
    assert current is state


def test_leaving_always_succeeds():
    assert {event for state, event in CHANNEL if state is C.LEAVING} == {CE.END, CE.JOIN, CE.WAIT}


def test_only_an_accepted_join_makes_a_channel_joined_and_only_a_handshake_opens_a_socket():
    assert [pair for pair, target in CHANNEL.items() if target is C.JOINED] == [(C.JOINING, CE.ACCEPTED)]
    assert [pair for pair, target in SOCKET.items() if target is S.OPEN] == [(S.CONNECTING, SE.OPENED)]


def test_states_are_the_plain_words_of_the_official_client():
    assert [str(state) for state in SocketState] == ["closed", "connecting", "open", "closing"]
    assert [str(state) for state in ChannelState] == ["closed", "joining", "joined", "errored", "leaving"]
