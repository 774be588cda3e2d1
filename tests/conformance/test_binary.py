from __future__ import annotations

import pytest

from rxphoenix import ConnectionLost, PushInterrupted, PushRefused, Reply, UnencodablePayload
from tests.conformance.target import Target, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import (
    OpenSocket,
    OpenWire,
    broadcast,
    only_1_0_0,
    only_2_0_0,
    only_longpoll,
    only_websocket,
    pushed,
    reply,
    unmatched,
)

USUAL = b"\x00\x01\x02\xfe\xff"
NOT_UTF_8 = "on long polling a server cannot answer with bytes that are no UTF-8"


def each_where_it_comes_back(*data: bytes) -> pytest.MarkDecorator:
    """Each on a WebSocket, and on long polling those that are UTF-8; ``only_longpoll`` has the others."""
    return pytest.mark.parametrize(
        ("transport", "data"),
        [
            pytest.param(transport, each, id=f"{transport}-{len(each)} bytes")
            for each in data
            for transport in ("websocket", "longpoll")
            if transport == "websocket" or is_utf_8(each)
        ],
    )


def is_utf_8(data: bytes) -> bool:
    """Whether a server of long polling can answer with it."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def frame(kind: int, *fields: bytes, data: bytes) -> bytes:
    """A binary frame: its kind, the lengths of its fields, the fields, the data."""
    return bytes((kind, *map(len, fields))) + b"".join(fields) + data


@only_2_0_0
@each_where_it_comes_back(b"", b"\x00", "ü🎉".encode(), bytes(range(256)), b"\xff" * 300, bytes(100_000))
async def test_bytes_go_there_and_back(open_socket: OpenSocket, data: bytes):
    """Binary frames: a push, and a reply whose response is the bytes."""
    assert await open_socket().channel(a_topic()).push("binary", data) == data


@only_longpoll(NOT_UTF_8)
@only_2_0_0
async def test_any_bytes_go_there_and_those_that_come_back_and_are_no_utf_8_end_the_session(open_socket: OpenSocket):
    """Long polling: binary from the server arrives if it happens to be UTF-8; otherwise that poll is HTTP 500."""
    socket = open_socket()
    channel, errors = socket.channel(a_topic()), Seen(socket.errors)
    joins = Seen(channel.joined)
    assert await channel.push("binary_size", bytes(range(256))) == {"size": 256}
    with pytest.raises(PushInterrupted):
        await channel.push("binary", b"\xff")
    (fault,) = await errors.first(1)
    assert isinstance(fault.error, ConnectionLost)
    assert fault.error.status == 500
    assert [joined.rejoin for joined in await joins.first(2)] == [False, True]
    assert await channel.push("binary", b"\x7f") == b"\x7f"


@only_2_0_0
async def test_a_binary_reply_has_a_status(open_socket: OpenSocket):
    """Binary frames: a binary reply is delivered like a JSON one, its status being the status field."""
    channel = open_socket().channel(a_topic())
    async with channel.hold():
        with pytest.raises(PushRefused) as refused:
            await channel.push("binary_error", b"\xc3\xa9\x00")
        assert (refused.value.status, refused.value.response) == ("error", b"\xc3\xa9\x00")
        assert await channel.request("binary", b"\x01") == Reply("ok", b"\x01")


@only_2_0_0
async def test_a_binary_push_may_have_a_json_reply(open_socket: OpenSocket):
    """Binary frames: the form of a reply is the handler's."""
    assert await open_socket().channel(a_topic()).push("binary_size", b"x" * 300) == {"size": 300}


@only_websocket(NOT_UTF_8)
@only_2_0_0
async def test_the_server_pushes_bytes(open_wire: OpenWire):
    """Binary frames: a push from the server has a ``join_ref`` and no ref."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    wire.send("1", "9", topic, "push_binary")
    await wire.expect(pushed("1", topic, "bin", USUAL), reply("1", "9", topic))


@only_websocket(NOT_UTF_8)
@only_2_0_0
async def test_the_server_broadcasts_bytes(open_wire: OpenWire):
    """Binary frames: a broadcast has no refs; it reaches everybody."""
    topic = a_topic()
    wire, other = await open_wire(), await open_wire()
    await wire.join(topic, "1")
    await other.join(topic, "9")
    wire.send("1", "10", topic, "broadcast_binary")
    message, answer = broadcast(topic, "bin", USUAL), reply("1", "10", topic)
    await wire.expect_one_of([message, answer], [answer, message])
    await other.expect(message)


@only_2_0_0
@each_where_it_comes_back(b"", bytes(range(256)), "ü🎉".encode())
async def test_an_observer_of_an_event_receives_bytes(open_socket: OpenSocket, data: bytes):
    """Binary frames: push and broadcast, as the payloads of an event."""
    channel = open_socket().channel(a_topic())
    heard = Seen(channel.on("bin"))
    await channel.push("push_binary", data)
    await channel.push("broadcast_binary", {"bytes": list(data)})
    assert await heard.first(2) == [data, data]
    heard.stop()


@only_2_0_0
async def test_text_and_bytes_keep_their_order(open_wire: OpenWire):
    """Binary frames: they are part of the same stream as text frames."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    wire.send("1", "2", topic, "push_me", {"n": 1})
    wire.send("1", "3", topic, "binary", b"a")
    wire.send("1", "4", topic, "echo", {"b": 1})
    wire.send("1", "5", topic, "binary", b"c")
    await wire.expect(
        pushed("1", topic, "tick", {"i": 0}),
        reply("1", "2", topic, {"n": 1}),
        reply("1", "3", topic, b"a"),
        reply("1", "4", topic, {"b": 1}),
        reply("1", "5", topic, b"c"),
    )


@only_2_0_0
@pytest.mark.parametrize("topic", [a_topic("ü🎉"), a_topic().ljust(127, "x")], ids=["unicode", "127 bytes"])
async def test_the_names_in_a_binary_frame_are_utf_8(open_socket: OpenSocket, topic: str):
    """Binary frames: sizes are one byte each, of UTF-8."""
    assert await open_socket().channel(topic).push("binary", b"\t") == b"\t"


@only_2_0_0
async def test_a_name_in_a_binary_frame_has_up_to_255_bytes(open_socket: OpenSocket):
    """Binary frames: sizes are one byte each, so every field is at most 255 bytes.

    It is the push that is binary here, and not the reply, since a size of more than 127 makes a frame no UTF-8.
    """
    assert await open_socket().channel(a_topic().ljust(255, "x")).push("binary_size", b"\t") == {"size": 1}


@only_2_0_0
async def test_a_name_too_long_for_a_binary_frame_is_an_error_before_anything_is_sent(open_socket: OpenSocket):
    """Binary frames: a longer field is a clear error; a text frame carries it."""
    socket = open_socket()
    channel = socket.channel(a_topic().ljust(256, "x"))
    with pytest.raises(UnencodablePayload, match="255 bytes"):
        channel.push("binary", b"\t")
    assert socket.state.value == "closed"
    assert await channel.push("echo", {"as": "text"}) == {"as": "text"}


@only_2_0_0
async def test_a_binary_push_to_a_topic_that_is_not_joined_is_answered_in_json(open_wire: OpenWire):
    """Server answers to know: ``unmatched topic``, for a binary push too."""
    topic = a_topic()
    wire = await open_wire()
    wire.send("1", "22", topic, "binary", b"z")
    await wire.expect(unmatched("22", topic))


@only_2_0_0
async def test_a_stale_binary_push_is_ignored(open_wire: OpenWire):
    """Server answers to know: a stale ``join_ref``, on a binary push too; an empty one is not null, and so stale."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    wire.send("99", "2", topic, "binary", b"z")
    wire.send("", "3", topic, "binary", b"z")
    await wire.expect_nothing_more(topic, "1")


async def test_the_layout_of_binary_frames(phoenix: Target):
    """Binary frames: the table of layouts, byte for byte; a ref may be empty."""
    topic = a_topic()
    name = topic.encode()
    async with phoenix.websocket() as raw:
        await raw.send("15", "15", topic, "phx_join", {})
        await raw.receive()
        await raw.send_binary(frame(0, b"15", b"", name, b"binary", data=b"\x00\xff"))
        assert await raw.receive() == frame(1, b"15", b"", name, b"ok", data=b"\x00\xff")
        await raw.send_binary(frame(0, b"15", b"7", name, b"binary_error", data=b"e"))
        assert await raw.receive() == frame(1, b"15", b"7", name, b"error", data=b"e")
        await raw.send_binary(frame(0, b"15", b"8", name, b"push_binary", data=b"p"))
        assert await raw.receive() == frame(0, b"15", name, b"bin", data=b"p")
        assert (await raw.receive())[1] == "8"
        await raw.send_binary(frame(0, b"15", b"9", name, b"broadcast_binary", data=b"b"))
        frames = [await raw.receive(), await raw.receive()]
        assert frame(2, name, b"bin", data=b"b") in frames


@only_1_0_0
async def test_1_0_0_has_no_bytes(open_socket: OpenSocket):
    """Connecting: in 1.0.0 binary is not possible; the client says so before anything is sent."""
    channel = open_socket().channel(a_topic())
    with pytest.raises(UnencodablePayload, match=r"1\.0\.0"):
        channel.push("binary", b"x")
    assert await channel.push("echo", {"as": "text"}) == {"as": "text"}


async def test_a_binary_frame_of_1_0_0_closes_the_socket(phoenix: Target):
    """Connecting: in 1.0.0 binary is not possible (1011)."""
    async with phoenix.websocket(query="vsn=1.0.0") as raw:
        await raw.send_binary(frame(0, b"1", b"1", b"room:a", b"phx_join", data=b"{}"))
        assert await raw.close_code() == 1011
