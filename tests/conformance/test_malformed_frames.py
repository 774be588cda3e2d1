from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.target import Target, a_topic

UNDECODABLE = 1011


@pytest.mark.parametrize("text", ["not json", "{}", "[]", "[1,2,3]", "null", "", '["1","1","room:a","phx_join"]'])
async def test_a_text_frame_that_cannot_be_decoded_closes_the_socket(phoenix: Target, text: str):
    """Close codes: 1011 a frame it could not decode."""
    async with phoenix.websocket() as raw:
        await raw.send_text(text)
        assert await raw.close_code() == UNDECODABLE


@pytest.mark.parametrize("text", ["not json", "{}", "[]", "null", '{"topic":"room:a"}'])
async def test_a_text_frame_of_1_0_0_that_cannot_be_decoded_closes_the_socket(phoenix: Target, text: str):
    """Close codes: 1011 a frame it could not decode, in 1.0.0."""
    async with phoenix.websocket(query="vsn=1.0.0") as raw:
        await raw.send_text(text)
        assert await raw.close_code() == UNDECODABLE


@pytest.mark.parametrize("data", [b"\x07abc", b"\x00\xff", b""], ids=["unknown kind", "cut off", "empty"])
async def test_a_binary_frame_that_cannot_be_decoded_closes_the_socket(phoenix: Target, data: bytes):
    """Close codes: 1011 a frame it could not decode."""
    async with phoenix.websocket() as raw:
        await raw.send_binary(data)
        assert await raw.close_code() == UNDECODABLE


@pytest.mark.parametrize(
    ("topic", "event"), [(5, "phx_join"), (None, "echo"), ("room:a", 5)], ids=["topic", "no topic", "event"]
)
async def test_names_that_are_no_strings_match_nothing(phoenix: Target, topic: Any, event: Any):
    """Server answers to know: ``unmatched topic``, for what is well formed and makes no sense."""
    async with phoenix.websocket() as raw:
        await raw.send("1", "1", topic, event, {})
        unmatched = {"status": "error", "response": {"reason": "unmatched topic"}}
        assert await raw.receive() == [None, "1", topic, "phx_reply", unmatched]


async def test_one_clients_nonsense_is_no_other_clients_trouble(phoenix: Target):
    """Close codes: 1011 is for the connection that sent the frame."""
    topic = a_topic()
    async with phoenix.websocket() as innocent, phoenix.websocket() as guilty:
        for raw in (innocent, guilty):
            await raw.send("1", "1", topic, "phx_join", {})
            assert (await raw.receive())[4]["status"] == "ok"
        await guilty.send_text("nonsense")
        assert await guilty.close_code() == UNDECODABLE
        await innocent.send("1", "2", topic, "broadcast", {"still": "here"})
        answers = [await innocent.receive(), await innocent.receive()]
        assert [None, None, topic, "broadcast", {"still": "here"}] in answers


async def test_frames_before_a_malformed_one_are_handled(phoenix: Target):
    """Messages: frames are handled in order, up to the one that ends the connection."""
    async with phoenix.websocket() as raw:
        await raw.send(None, "1", "phoenix", "heartbeat", {})
        await raw.send_text("nonsense")
        assert await raw.receive() == [None, "1", "phoenix", "phx_reply", {"status": "ok", "response": {}}]
        assert await raw.close_code() == UNDECODABLE
