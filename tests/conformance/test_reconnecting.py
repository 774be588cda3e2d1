from __future__ import annotations

import pytest

from rxphoenix import (
    ChannelState,
    ConnectionLost,
    ConnectionRefused,
    PushInterrupted,
    Socket,
    SocketState,
    WebSocket,
)
from rxphoenix.server import PhoenixServer
from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import OpenSocket, one_dialect_on_longpoll, only_2_0_0, only_websocket

DISCONNECTED = {1001, 1000}
"""What a server closes with that disconnects a socket id; 1000 before 1.8.8."""
IDLE = {1002, 1000}
"""What a server closes with that has heard nothing for too long; 1000 from Cowboy."""
DIED = {None, 1006}
"""What is left of a connection that nobody closed."""
NO_CODE = {None}
"""What long polling has instead."""

CODES = "long polling has no close codes"


def codes(errors: Seen) -> list[int | None]:
    """The close codes of the lost connections."""
    return [fault.error.code for fault in errors.values if isinstance(fault.error, ConnectionLost)]


async def lose(socket: Socket, event: str) -> tuple[int | None, list[SocketState]]:
    """Lose the connection by a push and see the channel joined again; returns the close code and the states."""
    channel = socket.channel(a_topic())
    errors, joins, states = Seen(socket.errors), Seen(channel.joined), Seen(socket.state)
    await joins.first(1)
    with pytest.raises(PushInterrupted) as interrupted:
        await channel.push(event)
    assert isinstance(interrupted.value.__cause__, ConnectionLost)
    assert [joined.rejoin for joined in await joins.first(2)] == [False, True]
    assert await channel.push("echo", {"still": "here"}) == {"still": "here"}
    (code,) = codes(errors)
    return code, states.values[-3:]


@one_dialect_on_longpoll
async def test_a_socket_that_was_kicked_reconnects_and_rejoins(open_socket: OpenSocket, transport: str):
    """Close codes: the server disconnected this socket id. Reconnect after every close that was not asked for."""
    code, states = await lose(open_socket(), "kick")
    assert code in (DISCONNECTED if transport == "websocket" else NO_CODE)
    assert states == ["closed", "connecting", "open"]


@one_dialect_on_longpoll
async def test_a_socket_whose_transport_died_reconnects_and_rejoins(open_socket: OpenSocket):
    """Close codes: none (1006): the transport died."""
    code, states = await lose(open_socket(), "kill_transport")
    assert code in DIED
    assert states == ["closed", "connecting", "open"]


@one_dialect_on_longpoll
async def test_signing_out_elsewhere_disconnects_all_sockets_of_a_user_and_of_nobody_else(
    phoenix: Target, open_socket: OpenSocket, transport: str
):
    """Close codes: the server disconnected this socket id, wherever it was connected."""
    user_id = a_name()
    mine = [open_socket(params={"user_id": user_id}) for _ in range(2)]
    other = open_socket()
    joins = [Seen(socket.channel(a_topic()).joined) for socket in (*mine, other)]
    errors = [Seen(socket.errors) for socket in (*mine, other)]
    for each in joins:
        await each.first(1)
    await phoenix.disconnect(user_id)
    for each in joins[:2]:
        await each.first(2)
    expected = DISCONNECTED if transport == "websocket" else NO_CODE
    assert all(code in expected for seen in errors[:2] for code in codes(seen))
    await other.ping()
    assert errors[2].values == []


@one_dialect_on_longpoll
async def test_all_channels_rejoin_when_the_connection_is_back(phoenix: Target, open_socket: OpenSocket):
    """Timers and states: connection lost: every channel becomes errored, and rejoins at once when one opens."""
    user_id = a_name()
    socket = open_socket(params={"user_id": user_id})
    channels = [socket.channel(a_topic(), {"number": number}) for number in range(5)]
    states, joins = [Seen(channel.state) for channel in channels], [Seen(channel.joined) for channel in channels]
    for each in joins:
        await each.first(1)
    await phoenix.disconnect(user_id)
    for number, each in enumerate(joins):
        again = (await each.first(2))[1]
        assert (again.rejoin, again.reply["params"]) == (True, {"number": number})
    for each in states:
        assert each.values == ["closed", "joining", "joined", "errored", "joining", "joined"]


@one_dialect_on_longpoll
async def test_a_channel_hears_broadcasts_again_after_a_reconnect(phoenix: Target, open_socket: OpenSocket):
    """Timers and states: a subscription survives the loss of the connection."""
    user_id, topic = a_name(), a_topic()
    channel = open_socket(params={"user_id": user_id}).channel(topic)
    heard, joins = Seen(channel.on("news")), Seen(channel.joined)
    for number in range(1, 4):
        await joins.first(number)
        await phoenix.broadcast(topic, "news", k=str(number))
        await heard.first(number)
        await phoenix.disconnect(user_id)
    await joins.first(4)
    assert heard.values == [{"k": "1"}, {"k": "2"}, {"k": "3"}]


@one_dialect_on_longpoll
async def test_params_are_evaluated_for_every_connection(phoenix: Target, open_socket: OpenSocket):
    """Connecting: params and token that are functions are evaluated anew for every attempt."""
    user_id = a_name()
    attempts: list[str] = []

    def token() -> str:
        attempts.append(f"token {len(attempts)}")
        return attempts[-1]

    socket = open_socket("/auth", params=lambda: {"user_id": user_id, "attempt": len(attempts)}, auth_token=token)
    channel = socket.channel(a_topic())
    joins = Seen(channel.joined)
    await joins.first(1)
    first = await channel.push("whoami")
    await phoenix.disconnect(user_id)
    await joins.first(2)
    second = await channel.push("whoami")
    assert [(who["params"]["attempt"], who["auth_token"]) for who in (first, second)] == [
        ("0", "token 0"), ("1", "token 1"),
    ]  # fmt: skip


@one_dialect_on_longpoll
async def test_what_was_sent_when_the_connection_was_lost_is_not_sent_again(phoenix: Target, open_socket: OpenSocket):
    """Timers and states: a frame belongs to the connection and the join it was made for."""
    user_id, topic = a_name(), a_topic()
    channel = open_socket(params={"user_id": user_id}).channel(topic)
    listener = Seen(open_socket().channel(topic).on("broadcast"))
    joins = Seen(channel.joined)
    await joins.first(1)
    late = Seen(channel.push("async_reply", {"ms": 60_000}))
    assert await channel.push("echo", {"sent": "both"}) == {"sent": "both"}
    await phoenix.disconnect(user_id)
    assert isinstance(await late.end(), PushInterrupted)
    await joins.first(2)
    await channel.push("broadcast", {"once": True})
    assert await listener.first(1) == [{"once": True}]


async def test_what_is_pushed_while_away_is_sent_after_the_rejoin(open_socket: OpenSocket):
    """Timers and states: a push made before the channel is joined is held and sent when the join succeeds."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    joins = Seen(channel.joined)
    await joins.first(1)
    socket.disconnect()
    assert channel.state.value is ChannelState.ERRORED
    held = Seen(channel.push("echo", {"made": "while away"}))
    lease = socket.connect()
    assert await held.first(1) == [{"made": "while away"}]
    assert [joined.rejoin for joined in joins.values] == [False, True]
    lease.dispose()


async def test_a_client_may_drop_its_connection_and_take_another(open_socket: OpenSocket):
    """Timers and states: all events of a connection that is no longer the current one are ignored."""
    socket = open_socket()
    channel = socket.channel(a_topic())
    joins = Seen(channel.joined)
    for number in range(1, 5):
        await joins.first(number)
        socket.reconnect()
    await joins.first(5)
    assert await channel.push("echo", {"still": "here"}) == {"still": "here"}
    assert [joined.rejoin for joined in joins.values] == [False, True, True, True, True]


# -- limits of /short --------------------------------------------------------------------------------------------


@only_websocket("a client of long polling always asks; one that does not is in test_long_polling.py")
@only_2_0_0
async def test_a_socket_that_says_nothing_is_closed_and_opens_again(open_socket: OpenSocket):
    """Connecting: a server closes a socket whose client sent nothing for a while; Close codes: 1002 idle too long."""
    socket = open_socket("/short", heartbeat_interval=None)
    errors, joins = Seen(socket.errors), Seen(socket.channel(a_topic()).joined)
    await joins.first(2)
    assert [code in IDLE for code in codes(errors)] == [True]


@only_websocket("long polling has bodies of 8 MB, whatever a frame may be")
@only_2_0_0
async def test_a_frame_that_is_too_big_closes_the_socket(open_socket: OpenSocket):
    """Close codes: 1009 frame too big; ``/short`` takes 64 KiB."""
    socket = open_socket("/short")
    channel = socket.channel(a_topic())
    errors, joins = Seen(socket.errors), Seen(channel.joined)
    await joins.first(1)
    assert await channel.push("echo", {"small": "x" * 60_000}) == {"small": "x" * 60_000}
    with pytest.raises(PushInterrupted):
        await channel.push("echo", {"big": "x" * 70_000})
    assert codes(errors) == [1009]
    await joins.first(2)


@only_websocket("permessage-deflate is of WebSockets")
@only_2_0_0
async def test_messages_may_be_compressed(open_socket: OpenSocket):
    """Connecting: permessage-deflate, where client and server both want it, as ``/short`` does."""
    channel = open_socket("/short", transport=WebSocket(compress=True)).channel(a_topic())
    payload = {"text": "ü🎉 " * 5_000}
    async with channel.hold():
        assert await channel.push("echo", payload) == payload
        assert await channel.push("binary", b"\x00" * 10_000) == b"\x00" * 10_000
        assert await channel.push("big", {"size": 200_000}) == {"data": "x" * 200_000}


# -- a server that goes away -------------------------------------------------------------------------------------


@pytest.mark.embedded
async def test_a_server_that_shuts_down_says_so_and_is_found_again(
    breakable: PhoenixServer, open_socket: OpenSocket, transport: str
):
    """Close codes: 1012 (or 1000, with no channel joined) the server shuts down; long polling has none."""
    joined, idle = open_socket(url=breakable.url), open_socket(url=breakable.url)
    channel = joined.channel(a_topic())
    joins, errors = Seen(channel.joined), [Seen(socket.errors) for socket in (joined, idle)]
    states = Seen(idle.state)
    idle.connect()
    await idle.opened()
    await joins.first(1)
    await breakable.stop()
    for each in errors:
        await each.first(1)
    assert [codes(each)[0] for each in errors] == ([1012, 1000] if transport == "websocket" else [None, None])
    await breakable.start()
    joined.reconnect()
    idle.reconnect()
    assert [each.rejoin for each in await joins.first(2)] == [False, True]
    assert await channel.push("echo", {"back": True}) == {"back": True}
    await states.until(lambda: states.values[-1] is SocketState.OPEN)


@pytest.mark.embedded
@only_2_0_0
async def test_a_server_that_cannot_be_reached_is_tried_again(breakable: PhoenixServer, open_socket: OpenSocket):
    """Timers and states: reconnect after 10, 50, 100 ms and so on."""
    await breakable.stop()
    socket = open_socket(url=breakable.url)
    errors = Seen(socket.errors)
    answer = Seen(socket.channel(a_topic()).push("echo", {"late": True}))
    await errors.first(2)
    assert all(isinstance(fault.error, ConnectionRefused) and fault.error.status is None for fault in errors.values)
    await breakable.start()
    assert await answer.first(1) == [{"late": True}]


@only_websocket("it is the upgrade that the embedded server can be told to refuse")
@pytest.mark.embedded
@only_2_0_0
async def test_a_server_that_is_busy_says_when_to_come_back(breakable: PhoenixServer, open_socket: OpenSocket):
    """Connecting: a refusal with a status of the application's choice, and a ``Retry-After``."""
    breakable.refuse_upgrades(503, times=1, headers={"Retry-After": "0"})
    socket = open_socket(url=breakable.url)
    errors = Seen(socket.errors)
    assert await socket.channel(a_topic()).push("echo", {"late": True}) == {"late": True}
    (refused,) = [fault.error for fault in errors.values if isinstance(fault.error, ConnectionRefused)]
    assert (refused.status, refused.retry_after) == (503, 0)
