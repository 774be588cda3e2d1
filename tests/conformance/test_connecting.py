from __future__ import annotations

import aiohttp
import pytest

from rxphoenix import ConnectionRefused, JSONSerializer, SocketState
from tests.conformance.target import Target, a_name, a_topic
from tests.conformance.watching import Seen
from tests.conformance.wire import V1, V2, Dialect, OpenSocket, only_2_0_0

REFUSALS = {
    "websocket": {"bad": 403, "unauthorized": 401, "rate": 429, "crash": 500},
    "longpoll": {"bad": 403, "unauthorized": 403, "rate": 403, "crash": 500},
}
"""The status that each token is refused with."""

refused_tokens = pytest.mark.parametrize("token", ["bad", "unauthorized", "rate", "crash"])


class Unknown(JSONSerializer):
    """Asks for a version of the protocol that does not exist."""

    def __init__(self, vsn: str) -> None:
        self._vsn = vsn

    @property
    def vsn(self) -> str:
        return self._vsn


async def test_the_server_says_that_it_is_there(phoenix: Target):
    """The contract: ``/health``; and 404 for a page that is none."""
    assert await phoenix.get("/health") == "ok"
    await phoenix.get(f"/{a_name()}", status=404)


async def test_a_socket_opens_and_closes(open_socket: OpenSocket):
    """Connecting: the URL with ``/websocket`` and ``vsn``; Timers and states: closed, connecting, open, closing."""
    socket = open_socket()
    states = Seen(socket.state)
    with socket.connect():
        await socket.opened()
    await states.until(lambda: states.values[-1] is SocketState.CLOSED and len(states.values) > 1)
    assert states.values == ["closed", "connecting", "open", "closing", "closed"]


async def test_connect_params_arrive_as_they_are(open_socket: OpenSocket, dialect: Dialect, transport: str):
    """Connecting: ``<params>`` are URL-encoded, and ``vsn`` is one of them."""
    user_id = a_name()
    params = {"user_id": user_id, "name": "Zoë & 🎉 = 100%+1", "empty": "", "token": "let me in"}
    who = await open_socket(params=params).channel(a_topic()).push("whoami")
    assert who["params"] == {**params, "vsn": dialect.vsn}
    assert who["user_id"] == user_id
    assert who["transport"] == transport


@only_2_0_0
async def test_nested_connect_params_arrive_as_maps_and_lists(open_socket: OpenSocket):
    """Connecting: nested maps as ``a[b]=1``, lists as ``a[]=1``."""
    nested = {"client": {"os": {"name": "plan 9"}, "build": 7}, "tags": ["a", "b"], "quiet": True, "gone": None}
    who = await open_socket(params=nested).channel(a_topic()).push("whoami")
    del who["params"]["vsn"]
    assert who["params"] == {
        "client": {"os": {"name": "plan 9"}, "build": "7"}, "tags": ["a", "b"], "quiet": "true",
    }  # fmt: skip


async def test_numbered_list_params_are_read_as_a_map(phoenix: Target):
    """Connecting: ``a[0]=1``, which the official client writes, is a map for the server."""
    topic = a_topic()
    async with phoenix.websocket(query="vsn=2.0.0&a[0]=x&a[1]=y") as raw:
        await raw.send("1", "1", topic, "phx_join", {})
        await raw.receive()
        await raw.send("1", "2", topic, "whoami", {})
        answer = await raw.receive()
    assert answer[4]["response"]["params"] == {"a": {"0": "x", "1": "y"}, "vsn": "2.0.0"}


@only_2_0_0
async def test_the_endpoint_may_have_a_query_of_its_own(open_socket: OpenSocket):
    """Connecting: the query of the URL and the params are one."""
    who = await open_socket("/socket/?from=url", params={"more": "yes"}).channel(a_topic()).push("whoami")
    assert who["params"] == {"from": "url", "more": "yes", "vsn": "2.0.0"}


@refused_tokens
async def test_a_refused_connection_says_why(open_socket: OpenSocket, transport: str, token: str):
    """Connecting: 403 when ``connect`` said no, or a status of the application's choice, 500 for a crash.

    Long polling answers 403 to all but the crash.
    """
    with pytest.raises(ConnectionRefused) as refused:
        await open_socket(params={"token": token}).opened()
    assert refused.value.status == REFUSALS[transport][token]


@only_2_0_0
@pytest.mark.parametrize("token", ["bad", "unauthorized", "rate"])
async def test_without_an_error_handler_each_refusal_is_403(open_socket: OpenSocket, token: str):
    """Connecting: a status of its own is the application's doing, which ``/short`` does not do."""
    with pytest.raises(ConnectionRefused) as refused:
        await open_socket("/short", params={"token": token}).opened()
    assert refused.value.status == 403


@only_2_0_0
async def test_an_endpoint_may_be_given_as_http(phoenix: Target, open_socket: OpenSocket):
    """Connecting: one server, one port: ``http`` and ``ws`` name the same socket."""
    socket = open_socket(url="http" + phoenix.url.removeprefix("ws"))
    assert await socket.channel(a_topic()).push("echo", {"over": "http"}) == {"over": "http"}


@only_2_0_0
async def test_a_path_without_a_socket_is_404(open_socket: OpenSocket):
    """Connecting: 404 for a wrong path."""
    with pytest.raises(ConnectionRefused) as refused:
        await open_socket(f"/{a_name()}").opened()
    assert refused.value.status == 404


@only_2_0_0
@pytest.mark.parametrize("vsn", ["3.0.0", "junk", "0.9.0"])
async def test_an_unknown_version_is_refused(open_socket: OpenSocket, vsn: str):
    """Connecting: 403 for a ``vsn`` that the server does not know."""
    with pytest.raises(ConnectionRefused) as refused:
        await open_socket(serializer=Unknown(vsn)).opened()
    assert refused.value.status == 403


async def test_without_a_version_the_server_speaks_1_0_0(phoenix: Target):
    """Connecting: a server's default, without ``vsn``, is 1.0.0."""
    async with phoenix.websocket(query="") as raw:
        await raw.send_text('{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"4"}')
        assert await raw.receive() == {
            "topic": "phoenix", "event": "phx_reply", "ref": "4", "payload": {"status": "ok", "response": {}},
        }  # fmt: skip


async def test_a_request_that_is_no_upgrade_is_400(phoenix: Target):
    """Connecting: ``/websocket`` is for WebSockets."""
    await phoenix.get("/socket/websocket?vsn=2.0.0", status=400)


@only_2_0_0
async def test_a_refused_client_tries_again_with_new_params(open_socket: OpenSocket):
    """Connecting: params that are a function are evaluated anew for every attempt."""
    user_id = a_name()
    tokens = iter(["crash", "crash"])
    socket = open_socket(params=lambda: {"user_id": user_id, "token": next(tokens, "good")})
    errors = Seen(socket.errors)
    who = await socket.channel(a_topic()).push("whoami")
    assert who["params"]["token"] == "good"
    assert [getattr(fault.error, "status", None) for fault in errors.values] == [500, 500]


@only_2_0_0
async def test_headers_arrive(open_socket: OpenSocket):
    """Connecting: HTTP headers of the client's own are part of the handshake."""
    socket = open_socket(headers={"X-Trace": "abc-123", "User-Agent": "conformance/1"})
    who = await socket.channel(a_topic()).push("whoami")
    assert who["x_headers"]["x-trace"] == "abc-123"
    assert who["user_agent"] == "conformance/1"


@pytest.mark.parametrize(
    "token", ["secret", "to", "tok", "ÿ??>>~~", "pässwörd 🎉", "a+b/c=="], ids=lambda token: ascii(token)
)
async def test_the_auth_token_arrives_beside_the_params(open_socket: OpenSocket, token: str, dialect: Dialect):
    """Connecting: the auth token, unpadded base64 of the standard alphabet; it never enters the URL."""
    who = await open_socket("/auth", params={"user_id": "ann"}, auth_token=token).channel(a_topic()).push("whoami")
    assert who["auth_token"] == token
    assert who["params"] == {"user_id": "ann", "vsn": dialect.vsn}


@only_2_0_0
@refused_tokens
async def test_a_connection_is_refused_for_its_auth_token(open_socket: OpenSocket, transport: str, token: str):
    """Connecting: refusals, for what came as auth token."""
    with pytest.raises(ConnectionRefused) as refused:
        await open_socket("/auth", auth_token=token).opened()
    assert refused.value.status == REFUSALS[transport][token]


@only_2_0_0
async def test_an_auth_token_may_be_missing(open_socket: OpenSocket):
    """Connecting: ``auth_token: true`` allows a token; demanding one is the application's."""
    who = await open_socket("/auth").channel(a_topic()).push("whoami")
    assert who["auth_token"] is None


@only_2_0_0
async def test_an_auth_token_is_ignored_where_none_is_expected(open_socket: OpenSocket):
    """Connecting: on a socket without ``auth_token: true`` the token is silently ignored."""
    who = await open_socket("/socket", auth_token="bad").channel(a_topic()).push("whoami")
    assert who["auth_token"] is None


@pytest.mark.parametrize(
    ("path", "offered", "agreed"),
    [
        ("/auth", ("phoenix", "base64url.bearer.phx.Z29vZA"), "phoenix"),
        ("/auth", ("phoenix", "base64url.bearer.phx.Z29vZA=="), "phoenix"),
        ("/auth", ("phoenix", "base64url.bearer.phx.w7/Dvj8/Pj5+fg"), "phoenix"),
        ("/auth", ("base64url.bearer.phx.Z29vZA",), None),
        ("/auth", (), None),
        ("/socket", (), None),
        ("/socket", ("phoenix", "base64url.bearer.phx.Z29vZA"), None),
    ],
)
async def test_the_handshake_agrees_on_phoenix(
    phoenix: Target, path: str, offered: tuple[str, ...], agreed: str | None
):
    """Connecting: the server answers with ``phoenix`` where that was offered beside a token."""
    async with phoenix.websocket(path, protocols=offered) as raw:
        assert raw.subprotocol == agreed


@pytest.mark.parametrize("encoded", ["a", "w7_Dvj8_Pj5-fg"])
async def test_an_auth_token_that_cannot_be_read_is_500(phoenix: Target, encoded: str):
    """Connecting: despite the name it is the standard alphabet: ``-`` or ``_`` gets HTTP 500."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with phoenix.websocket("/auth", protocols=("phoenix", f"base64url.bearer.phx.{encoded}")):
            pass
    assert refused.value.status == 500


@only_2_0_0
async def test_an_anonymous_socket_has_an_id_of_its_own(open_socket: OpenSocket):
    """The contract: without ``user_id`` each socket is somebody else."""
    names = [(await open_socket(params={}).channel(a_topic()).push("whoami"))["user_id"] for _ in range(2)]
    assert names[0] != names[1]


async def test_sockets_of_both_versions_hear_each_other(open_socket: OpenSocket, dialect: Dialect):
    """Connecting: ``vsn`` picks the serializer of one connection, and of no other."""
    topic, name = a_topic(), a_name()
    other = V1 if dialect is V2 else V2
    sender = open_socket(serializer=other.serializer()).channel(topic)
    listener = open_socket().channel(topic)
    async with sender.hold(), listener.hold():
        heard = Seen(listener.on("broadcast"))
        await sender.push("broadcast", {"name": name})
        assert await heard.first(1) == [{"name": name}]
