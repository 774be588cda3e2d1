from __future__ import annotations

from rxphoenix import SocketState
from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import OpenSocket, OpenWire, broadcast, only_2_0_0, pushed, reply


async def test_a_broadcast_reaches_everybody(open_socket: OpenSocket):
    """Messages: a broadcast goes to all who joined, the sender included."""
    topic = a_topic()
    channels = [open_socket().channel(topic) for _ in range(3)]
    heard = [Seen(channel.on("broadcast")) for channel in channels]
    for channel in channels:
        await Seen(channel.joined).first(1)
    await channels[0].push("broadcast", {"m": "ü"})
    for each in heard:
        assert await each.first(1) == [{"m": "ü"}]


async def test_a_broadcast_has_neither_ref(open_wire: OpenWire):
    """Messages: a broadcast has ``join_ref`` and ``ref`` null."""
    topic = a_topic()
    wire, other = await open_wire(), await open_wire()
    await wire.join(topic, "1")
    await other.join(topic, "9")
    wire.send("1", "2", topic, "broadcast", {"m": 1})
    await other.expect(broadcast(topic, "broadcast", {"m": 1}))


async def test_a_sender_may_be_left_out(open_wire: OpenWire):
    """Messages: ``broadcast_from`` reaches all but the sender."""
    topic = a_topic()
    wire, other = await open_wire(), await open_wire()
    await wire.join(topic, "1")
    await other.join(topic, "9")
    wire.send("1", "2", topic, "broadcast_from", {"m": 2})
    await wire.expect(reply("1", "2", topic))
    await other.expect(broadcast(topic, "broadcast", {"m": 2}))
    await wire.expect_nothing_more(topic, "1")


async def test_an_intercepted_broadcast_is_pushed_to_each(open_wire: OpenWire):
    """Messages: what the channel handles itself comes as a push: it carries the ``join_ref``, and may differ."""
    topic, ann, bob = a_topic(), a_name(), a_name()
    wire, other = await open_wire(params={"user_id": ann}), await open_wire(params={"user_id": bob})
    await wire.join(topic, "1")
    await other.join(topic, "9")
    wire.send("1", "2", topic, "broadcast_intercepted", {"m": 3})
    answer, message = reply("1", "2", topic), pushed("1", topic, "intercepted", {"m": 3, "for": ann})
    await wire.expect_one_of([answer, message], [message, answer])
    await other.expect(pushed("9", topic, "intercepted", {"m": 3, "for": bob}))


async def test_a_broadcast_may_come_from_outside(phoenix: Target, open_wire: OpenWire):
    """Messages: a broadcast need not come from a channel."""
    topic = a_topic("ü ?")
    wires = [await open_wire() for _ in range(2)]
    for wire in wires:
        await wire.join(topic)
    await phoenix.broadcast(topic, "news", k="v w", ü="é&=")
    for wire in wires:
        await wire.expect(broadcast(topic, "news", {"k": "v w", "ü": "é&="}))


async def test_an_intercepted_broadcast_from_outside_is_pushed_too(phoenix: Target, open_wire: OpenWire):
    """Messages: whether it is intercepted is a matter of the event, not of the sender."""
    topic, user_id = a_topic(), a_name()
    wire = await open_wire(params={"user_id": user_id})
    await wire.join(topic)
    await phoenix.broadcast(topic, "intercepted", k="v")
    await wire.expect(pushed("1", topic, "intercepted", {"k": "v", "for": user_id}))


async def test_a_broadcast_stays_in_its_topic(phoenix: Target, open_wire: OpenWire):
    """Messages: a broadcast goes to its topic, and to no topic like it."""
    topic = a_topic()
    wire = await open_wire()
    await wire.join(topic)
    for other in (topic + "x", topic[:-1], "room:*", a_topic()):
        await phoenix.broadcast(other, "news", k="other")
    await phoenix.broadcast(topic, "news", k="ours")
    await wire.expect(broadcast(topic, "news", {"k": "ours"}))


async def test_a_topic_that_was_left_is_silent(phoenix: Target, open_wire: OpenWire):
    """Reserved topic and events: after ``phx_leave`` nothing comes any more."""
    left, kept = a_topic(), a_topic()
    wire = await open_wire()
    await wire.join(left, "1")
    await wire.join(kept, "2")
    wire.send("1", "3", left, "phx_leave")
    assert (await wire.read()).event == "phx_reply"
    assert (await wire.read()).event == "phx_close"
    await phoenix.broadcast(left, "news", k="unheard")
    await phoenix.broadcast(kept, "news", k="heard")
    await wire.expect(broadcast(kept, "news", {"k": "heard"}))


async def test_what_is_broadcast_while_a_client_is_away_is_lost_to_it(phoenix: Target, open_socket: OpenSocket):
    """Server answers to know: what is broadcast while a client is away is lost to it."""
    topic = a_topic()
    socket = open_socket()
    channel = socket.channel(topic)
    heard, joins, states = Seen(channel.on("news")), Seen(channel.joined), Seen(socket.state)
    await joins.first(1)
    socket.disconnect()
    await states.until(lambda: states.values[-1] is SocketState.CLOSED)
    await phoenix.broadcast(topic, "news", k="missed")
    socket.connect()
    await joins.first(2)
    await phoenix.broadcast(topic, "news", k="heard")
    assert await heard.first(1) == [{"k": "heard"}]


@only_2_0_0
async def test_two_observers_share_one_join(phoenix: Target, open_socket: OpenSocket):
    """Messages: one topic is joined once a socket, however many observe it, and a message comes once."""
    topic = a_topic()
    socket = open_socket()
    frames = Seen(socket.messages)
    heard = [Seen(socket.channel(topic).on("news")) for _ in range(2)]
    await Seen(socket.channel(topic).joined).first(1)
    await phoenix.broadcast(topic, "news", k="v")
    for each in heard:
        assert await each.first(1) == [{"k": "v"}]
    assert [message.event for message in frames.values] == ["phx_reply", "news"]
