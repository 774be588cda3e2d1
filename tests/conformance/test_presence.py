from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from rxphoenix import Channel, Message, Payload, PresenceChange, PresenceEntry, PushInterrupted
from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import (
    NOTHING,
    OpenSocket,
    OpenWire,
    Wire,
    broadcast,
    one_dialect_on_longpoll,
    only_2_0_0,
    only_websocket,
    pushed,
    reply,
)

JOIN_REF = "1"


def a_presence_topic() -> str:
    """A topic of the contract's presence channel that nobody else has."""
    return f"presence:{a_name()}"


class Diff(NamedTuple):
    """What a ``presence_diff`` says."""

    joins: dict[str, list[dict[str, Any]]]
    leaves: dict[str, list[dict[str, Any]]]


def metas_of(presences: Payload) -> dict[str, list[dict[str, Any]]]:
    """The metas of each key; the contract's server adds nothing beside them."""
    assert all(presence.keys() == {"metas"} for presence in presences.values())
    assert all(meta["phx_ref"] for presence in presences.values() for meta in presence["metas"])
    return {key: presence["metas"] for key, presence in presences.items()}


class Visitor:
    """One client of one presence topic, on a wire of its own; knows the refs that it was told."""

    def __init__(self, wire: Wire, topic: str, user: str) -> None:
        self.wire = wire
        self.topic = topic
        self.user = user
        self._last_ref = 1

    def send(self, event: str, payload: Payload = NOTHING) -> str:
        """Push something; returns its ref."""
        self._last_ref += 1
        self.wire.send(JOIN_REF, str(self._last_ref), self.topic, event, payload)
        return str(self._last_ref)

    async def join(self, meta: Payload = None) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
        """Join; returns this visitor's meta and the metas of everybody by key.

        The reply comes first; the diff that tells of the visitor and the state are in a race, but as it is tracked
        before the state is taken, both show it.
        """
        self.wire.send(JOIN_REF, JOIN_REF, self.topic, "phx_join", {"user": self.user, "meta": meta})
        await self.wire.expect(reply(JOIN_REF, JOIN_REF, self.topic, {"user": self.user}))
        own: dict[str, Any] | None = None
        state: Message | None = None
        while own is None or state is None:
            message = await self.wire.read()
            if message.event == "presence_state":
                assert state is None
                state = message
            elif self.user in (diff := self._diff(message)).joins:
                assert own is None
                [own] = diff.joins.pop(self.user)
                assert diff == Diff({}, {})
            else:
                assert list(diff.leaves) == [self.user]  # of an earlier join, whose end is in the same race
        assert state == self.wire.dialect.shows(pushed(JOIN_REF, self.topic, "presence_state", state.payload))
        assert own == {**(meta or {}), "phx_ref": own["phx_ref"]}
        everybody = metas_of(state.payload)
        assert own in everybody[self.user]
        return own, everybody

    async def ask(self, event: str, payload: Payload = NOTHING) -> Diff:
        """Push something that changes the presence; its reply and its diff are in a race."""
        answer = self.wire.dialect.shows(reply(JOIN_REF, self.send(event, payload), self.topic))
        both = [await self.wire.read(), await self.wire.read()]
        assert answer in both
        both.remove(answer)
        return self._diff(both[0])

    async def hear(self) -> Diff:
        """The next message, which has to be a diff."""
        return self._diff(await self.wire.read())

    async def everybody(self) -> dict[str, list[dict[str, Any]]]:
        """Everybody's metas, as the next message: so nothing was still to come."""
        ref = self.send("list")
        message = await self.wire.read()
        listed = message.payload["response"]
        assert message == self.wire.dialect.shows(reply(JOIN_REF, ref, self.topic, listed))
        return metas_of(listed)

    def _diff(self, message: Message) -> Diff:
        assert message == self.wire.dialect.shows(broadcast(self.topic, "presence_diff", message.payload))
        assert message.payload.keys() == {"joins", "leaves"}
        return Diff(metas_of(message.payload["joins"]), metas_of(message.payload["leaves"]))


async def visitors(open_wire: OpenWire, topic: str, *users: str, **options: Any) -> list[Visitor]:
    """Clients that have joined one after the other, each knowing of all."""
    there: list[Visitor] = []
    for user in users:
        visitor = Visitor(await open_wire(**options), topic, user)
        await visitor.join()
        for other in there:
            assert user in (await other.hear()).joins
        there.append(visitor)
    return there


async def test_who_joins_is_told_of_everybody_and_everybody_of_who_joins(open_wire: OpenWire):
    """Presence: the state is the whole truth, pushed once after the join; a diff may come before it."""
    topic = a_presence_topic()
    ann, bob = Visitor(await open_wire(), topic, "ann"), Visitor(await open_wire(), topic, "bob")
    ann_meta, alone = await ann.join({"status": "online"})
    assert alone == {"ann": [ann_meta]}
    bob_meta, both = await bob.join({"status": "away", "of": {"any": ["kind", 1, None]}})
    assert both == {"ann": [ann_meta], "bob": [bob_meta]}
    assert await ann.hear() == Diff({"bob": [bob_meta]}, {})
    assert await ann.everybody() == await bob.everybody() == both


async def test_a_meta_is_not_needed(open_wire: OpenWire):
    """Presence: a meta has a ``phx_ref`` though the application gave it nothing."""
    visitor = Visitor(await open_wire(), a_presence_topic(), "ann")
    meta, _ = await visitor.join()
    assert list(meta) == ["phx_ref"]


async def test_clients_may_share_a_key(open_wire: OpenWire):
    """Presence: a key has the metas of all who are tracked under it; each has a ref of its own, and leaves alone."""
    topic = a_presence_topic()
    laptop, phone = Visitor(await open_wire(), topic, "ann"), Visitor(await open_wire(), topic, "ann")
    laptop_meta, _ = await laptop.join({"on": "laptop"})
    phone_meta, state = await phone.join({"on": "phone"})
    assert phone_meta["phx_ref"] != laptop_meta["phx_ref"]
    assert sorted(state["ann"], key=lambda meta: meta["on"]) == [laptop_meta, phone_meta]
    assert await laptop.hear() == Diff({"ann": [phone_meta]}, {})
    phone.send("phx_leave")
    assert await laptop.hear() == Diff({}, {"ann": [phone_meta]})
    assert await laptop.everybody() == {"ann": [laptop_meta]}


async def test_an_update_is_a_join_and_a_leave_in_one_diff(open_wire: OpenWire):
    """Presence: an update arrives as a join and a leave of the same key in one diff; ``phx_ref_prev`` names the old."""
    topic = a_presence_topic()
    ann, bob = Visitor(await open_wire(), topic, "ann"), Visitor(await open_wire(), topic, "bob")
    await ann.join()
    old, _ = await bob.join({"status": "away", "since": 1})
    await ann.hear()
    for status in ("back", "gone"):
        diff = await bob.ask("update_meta", {"status": status})
        [new] = diff.joins["bob"]
        assert new["phx_ref"] != old["phx_ref"]
        assert new == {"status": status, "phx_ref": new["phx_ref"], "phx_ref_prev": old["phx_ref"]}
        assert diff == Diff({"bob": [new]}, {"bob": [old]})
        assert await ann.hear() == diff
        old = new
    assert (await ann.everybody())["bob"] == [old]


async def test_an_update_leaves_the_other_clients_of_the_key_alone(open_wire: OpenWire):
    """Presence: metas of one key are told apart by their refs."""
    laptop, phone = await visitors(open_wire, a_presence_topic(), "ann", "ann")
    before = (await phone.everybody())["ann"]
    diff = await laptop.ask("update_meta", {"status": "away"})
    await phone.hear()
    [other] = [meta for meta in before if meta not in diff.leaves["ann"]]
    after = (await phone.everybody())["ann"]
    assert len(after) == 2
    assert other in after
    assert diff.joins["ann"][0] in after


async def test_who_is_untracked_leaves_and_may_come_back(open_wire: OpenWire):
    """Presence: a leave names the meta as it was, whether or not the channel goes on."""
    topic = a_presence_topic()
    ann, bob = Visitor(await open_wire(), topic, "ann"), Visitor(await open_wire(), topic, "bob")
    ann_meta, _ = await ann.join()
    await bob.join()
    await ann.hear()
    updated = (await bob.ask("update_meta", {"n": 1})).joins["bob"]
    await ann.hear()
    diff = await bob.ask("untrack")
    assert diff == Diff({}, {"bob": updated})
    assert await ann.hear() == diff
    assert await bob.everybody() == {"ann": [ann_meta]}
    back = await bob.ask("track", {"user": "bob"})
    assert await ann.hear() == back
    assert list(back.joins["bob"][0]) == ["phx_ref"]
    assert back.joins["bob"][0]["phx_ref"] != updated[0]["phx_ref"]
    assert await bob.everybody() == {"ann": [ann_meta], **back.joins}


async def test_who_is_not_tracked_leaves_without_a_word(open_wire: OpenWire):
    """Presence: an untrack that changes nothing is told to nobody."""
    ann, bob = await visitors(open_wire, a_presence_topic(), "ann", "bob")
    await bob.ask("untrack")
    await ann.hear()
    ref = bob.send("untrack")
    await bob.wire.expect(reply(JOIN_REF, ref, bob.topic))
    assert list(await bob.everybody()) == list(await ann.everybody()) == ["ann"]


async def test_a_channel_may_be_present_under_several_keys(open_wire: OpenWire):
    """Presence: what ends at once leaves in one diff."""
    ann, bob = await visitors(open_wire, a_presence_topic(), "ann", "bob")
    guest = await bob.ask("track", {"user": "guest", "meta": {"of": "bob"}})
    assert guest.joins["guest"][0]["of"] == "bob"
    assert await ann.hear() == guest
    bob.send("phx_leave")
    diff = await ann.hear()
    assert (diff.joins, sorted(diff.leaves)) == ({}, ["bob", "guest"])
    assert list(await ann.everybody()) == ["ann"]


@pytest.mark.parametrize("ending", ["phx_leave", "stop", "crash"])
async def test_a_channel_that_ends_leaves(open_wire: OpenWire, ending: str):
    """Presence: a leave, a stop and a crash of the channel are told alike to those who remain."""
    ann, bob = await visitors(open_wire, a_presence_topic(), "ann", "bob")
    bob_metas = (await ann.everybody())["bob"]
    bob.send(ending)
    assert await ann.hear() == Diff({}, {"bob": bob_metas})
    assert list(await ann.everybody()) == ["ann"]


@only_2_0_0
@pytest.mark.parametrize("ending", ["disconnect", "kill_transport"])
async def test_a_connection_that_ends_leaves_on_all_its_topics(phoenix: Target, open_wire: OpenWire, ending: str):
    """Presence: what the connection's end ends is told on every topic."""
    await end_a_connection(phoenix, open_wire, ending)


@only_websocket("a session of long polling outlives its client by half a minute")
@only_2_0_0
async def test_a_client_that_closes_leaves_on_all_its_topics(phoenix: Target, open_wire: OpenWire):
    """Presence: what the connection's end ends is told on every topic."""
    await end_a_connection(phoenix, open_wire, "close")


async def end_a_connection(phoenix: Target, open_wire: OpenWire, ending: str) -> None:
    """See on two topics that somebody leaves whose connection ends."""
    topics, user_id = [a_presence_topic(), a_presence_topic()], a_name()
    wire = await open_wire(params={"user_id": user_id})
    remaining = [(await visitors(open_wire, topic, "ann"))[0] for topic in topics]
    for visitor in remaining:
        await Visitor(wire, visitor.topic, "bob").join()
        assert list((await visitor.hear()).joins) == ["bob"]
    match ending:
        case "close":
            wire.socket.close()
        case "disconnect":
            await phoenix.disconnect(user_id)
        case _:
            room = a_topic()
            await wire.join(room)
            wire.send(JOIN_REF, "9", room, "kill_transport")
    for visitor in remaining:
        diff = await visitor.hear()
        assert (diff.joins, list(diff.leaves)) == ({}, ["bob"])


async def test_who_comes_back_has_a_new_ref(open_wire: OpenWire):
    """Presence: a new join is a new presence; who remained sees a leave and a join."""
    ann, bob = await visitors(open_wire, a_presence_topic(), "ann", "bob")
    old = (await ann.everybody())["bob"]
    bob.send("crash")
    assert (await bob.wire.read()).event == "phx_error"
    again, _ = await bob.join()
    assert await ann.hear() == Diff({}, {"bob": old})
    assert await ann.hear() == Diff({"bob": [again]}, {})
    assert (await ann.everybody())["bob"] == [again]


async def test_a_second_join_of_the_topic_replaces_the_presence_of_the_first(open_wire: OpenWire):
    """Server answers to know: the older join of a socket ends; its presence with it."""
    ann, bob = await visitors(open_wire, a_presence_topic(), "ann", "bob")
    old = (await ann.everybody())["bob"]
    bob.wire.send("7", "7", bob.topic, "phx_join", {"user": "bob", "meta": {"n": 2}})
    assert await ann.hear() == Diff({}, {"bob": old})
    diff = await ann.hear()
    assert [meta["n"] for meta in diff.joins["bob"]] == [2]
    assert (await ann.everybody())["bob"] == diff.joins["bob"]


async def test_who_is_refused_is_not_present(open_wire: OpenWire):
    """Presence: only a join that was accepted is tracked."""
    [ann] = await visitors(open_wire, a_presence_topic(), "ann")
    wire = await open_wire()
    wire.send("9", "9", ann.topic, "phx_join")
    await wire.expect(reply("9", "9", ann.topic, {"reason": "user is required"}, "error"))
    assert list(await ann.everybody()) == ["ann"]


async def test_topics_have_presences_of_their_own(open_wire: OpenWire):
    """Presence: state and diffs are of one topic."""
    [ann] = await visitors(open_wire, a_presence_topic(), "ann")
    [bob] = await visitors(open_wire, ann.topic + "x", "bob")
    assert list(await ann.everybody()) == ["ann"]
    assert list(await bob.everybody()) == ["bob"]


@pytest.mark.parametrize("key", ["__proto__", "constructor", "with space", "ü 🎉", "x" * 300])
async def test_a_key_may_be_anything(open_wire: OpenWire, key: str):
    """Presence: keys are strings of any content."""
    visitor = Visitor(await open_wire(), a_presence_topic(), key)
    meta, state = await visitor.join()
    assert state == {key: [meta]}


# -- what the client makes of it -------------------------------------------------------------------------------------


def statuses(key: str, entry: PresenceEntry[Any]) -> tuple[str, list[Any]]:
    """A key, and the status of each of its metas."""
    return key, [meta.get("status") for meta in entry.metas]


def told(change: PresenceChange[Any]) -> tuple[Any, ...]:
    """Of a change: whose, what of it, whether that is all there is, and whether a resync found it."""
    return *statuses(change.key, change.changed), change.is_only, change.resync


def someone(open_socket: OpenSocket, topic: str, user: str, **options: Any) -> Channel:
    """A client of a presence topic that has not subscribed yet."""
    return open_socket(**options).channel(topic, {"user": user, "meta": {"status": "online"}})


async def test_a_client_sees_who_comes_changes_and_goes(open_socket: OpenSocket):
    """Presence: a join applies before a leave; who changes is never absent; who leaves last is gone."""
    topic = a_presence_topic()
    ann, bob = someone(open_socket, topic, "ann"), someone(open_socket, topic, "bob")
    lists = Seen(ann.presence().list_by(statuses))
    await lists.one(lambda value: value == (("ann", ["online"]),))
    joins, leaves = Seen(ann.presence().joins), Seen(ann.presence().leaves)
    async with bob.hold():
        await lists.one(lambda value: value == (("ann", ["online"]), ("bob", ["online"])))
        await bob.push("update_meta", {"status": "away"})
        await lists.one(lambda value: value == (("ann", ["online"]), ("bob", ["away"])))
        late = Seen(ann.presence().list_by(statuses))
        assert await late.first(1) == [(("ann", ["online"]), ("bob", ["away"]))]
    await lists.until(lambda: lists.values[-1] == (("ann", ["online"]),))
    assert [told(change) for change in joins.values] == [
        ("bob", ["online"], True, False),
        ("bob", ["away"], False, False),
    ]
    assert [told(change) for change in leaves.values] == [
        ("bob", ["online"], False, False),
        ("bob", ["away"], True, False),
    ]


async def test_a_client_that_joins_again_is_told_the_difference(open_socket: OpenSocket):
    """Presence: a resync after a reconnect reports only what really changed."""
    topic = a_presence_topic()
    ann, bob = someone(open_socket, topic, "ann"), someone(open_socket, topic, "bob")
    lists = Seen(ann.presence().list_by(statuses))
    both = (("ann", ["online"]), ("bob", ["online"]))
    async with bob.hold():
        await lists.one(lambda value: dict(value) == dict(both))
        joins, leaves = Seen(ann.presence().joins), Seen(ann.presence().leaves)
        synced = Seen(ann.presence().synced)
        with pytest.raises(PushInterrupted):
            await ann.push("crash")
        assert await synced.first(3) == [True, False, True]
        await leaves.first(1)
        assert [told(change) for change in joins.values if change.resync] == [("ann", ["online"], False, True)]
        # a server may tell of the end of what crashed after the state of what came
        assert [told(change)[:3] for change in leaves.values] == [("ann", ["online"], False)]
        await lists.until(lambda: dict(lists.values[-1]) == dict(both))


@one_dialect_on_longpoll
async def test_in_an_outage_the_last_list_stands(phoenix: Target, open_socket: OpenSocket):
    """Presence: a new join means waiting for a new state; until then what is known stands."""
    topic, user_id = a_presence_topic(), a_name()
    ann = someone(open_socket, topic, "ann", params={"user_id": user_id})
    lists, synced = Seen(ann.presence()), Seen(ann.presence().synced)
    await lists.first(1)
    await synced.one(lambda value: value)
    assert await Seen(ann.presence().size).first(1) == [1]
    await phoenix.disconnect(user_id)
    await synced.until(lambda: synced.values[-2:] == [False, True])
    assert [entry.key for entry in lists.values[-1]] == ["ann"]
