"""What is mounted where."""

from __future__ import annotations

from typing import Any

import pytest

from rxphoenix.server import Endpoint, ServerChannel, ServerSocket


class First(ServerChannel[ServerSocket]):
    pass


class Second(ServerChannel[ServerSocket]):
    pass


class Third(ServerChannel[ServerSocket]):
    pass


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("room:a", First),
        ("room:", First),
        ("room:lobby", Second),
        ("room", None),
        ("exact", Third),
        ("exactly", None),
        ("", None),
    ],
)
def test_a_topic_finds_its_channel(topic: str, found: type[ServerChannel[Any]] | None):
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={"room:*": First, "room:lobby": Second, "exact": Third})
    mount = endpoint.mount_at("/socket")
    assert mount is not None
    assert mount.route(topic) is found


@pytest.mark.parametrize("path", ["socket", "/socket"])
def test_a_path_is_absolute_and_mounted_once(path: str):
    endpoint = Endpoint()
    endpoint.socket("/socket", ServerSocket, channels={})
    with pytest.raises(ValueError, match="must begin with a slash and be used once"):
        endpoint.socket(path, ServerSocket, channels={})


def test_a_socket_has_no_id_unless_it_says_so():
    assert ServerSocket().id() is None
