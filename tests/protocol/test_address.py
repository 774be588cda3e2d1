"""Endpoints, and the URLs and subprotocols made of them."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.protocol.address import (
    AUTH_TOKEN_HEADER,
    Address,
    Params,
    auth_subprotocols,
    flatten_params,
    parse_endpoint,
)
from rxphoenix.server.params import parse_query
from tests.protocol.strategies import texts


def url(endpoint: str, params: Params | None = None, vsn: str = "2.0.0") -> str:
    return Address(parse_endpoint(endpoint), params or {}, vsn).url("websocket")


def seen_by_server(params: Params) -> dict[str, Any]:
    """The params as a Phoenix server reads them."""
    return parse_query(urlsplit(url("ws://localhost/socket", params)).query)


# Endpoints.


@pytest.mark.parametrize(
    ("endpoint", "websocket", "longpoll"),
    [
        ("ws://localhost:4000/socket", "ws://localhost:4000/socket/websocket", "http://localhost:4000/socket/longpoll"),
        ("wss://example.com/socket", "wss://example.com/socket/websocket", "https://example.com/socket/longpoll"),
        ("http://example.com/socket", "ws://example.com/socket/websocket", "http://example.com/socket/longpoll"),
        ("https://example.com/socket/", "wss://example.com/socket/websocket", "https://example.com/socket/longpoll"),
        ("HTTPS://example.com/socket", "wss://example.com/socket/websocket", "https://example.com/socket/longpoll"),
        ("ws://[::1]:4000/socket", "ws://[::1]:4000/socket/websocket", "http://[::1]:4000/socket/longpoll"),
        ("ws://example.com", "ws://example.com/websocket", "http://example.com/longpoll"),
        ("ws://example.com/", "ws://example.com/websocket", "http://example.com/longpoll"),
        ("ws://example.com/a/b//", "ws://example.com/a/b/websocket", "http://example.com/a/b/longpoll"),
        (" ws://example.com/socket\n", "ws://example.com/socket/websocket", "http://example.com/socket/longpoll"),
        ("ws://example.com/s/websocket", "ws://example.com/s/websocket", "http://example.com/s/longpoll"),
        ("ws://example.com/s/websocket/", "ws://example.com/s/websocket", "http://example.com/s/longpoll"),
        ("http://example.com/s/longpoll", "ws://example.com/s/websocket", "http://example.com/s/longpoll"),
        ("ws://ann:pw@example.com/s", "ws://ann:pw@example.com/s/websocket", "http://ann:pw@example.com/s/longpoll"),
    ],
)
def test_one_endpoint_makes_the_url_of_each_transport(endpoint: str, websocket: str, longpoll: str):
    address = Address(parse_endpoint(endpoint), {}, "2.0.0")
    assert address.url("websocket") == websocket + "?vsn=2.0.0"
    assert address.url("longpoll") == longpoll + "?vsn=2.0.0"


def test_an_endpoint_keeps_its_own_query_before_the_params():
    assert url("ws://h/s?a=1&b=%2F", {"c": 2}) == "ws://h/s/websocket?a=1&b=%2F&c=2&vsn=2.0.0"


def test_the_version_of_the_serializer_wins_over_a_param_of_that_name():
    address = url("ws://h/s?vsn=0", {"vsn": "9"}, vsn="1.0.0")
    assert parse_query(urlsplit(address).query) == {"vsn": "1.0.0"}


def test_the_part_of_an_endpoint_behind_a_hash_is_not_sent():
    assert url("ws://h/s#part") == "ws://h/s/websocket?vsn=2.0.0"


@pytest.mark.parametrize("given", [None, 5, b"ws://localhost/socket", ["ws://localhost/socket"]])
def test_an_endpoint_that_is_no_string_is_a_type_error_that_names_its_type(given: Any):
    with pytest.raises(TypeError, match=f"endpoint must be a URL string, not {type(given).__name__}"):
        parse_endpoint(given)


@pytest.mark.parametrize(
    "given",
    ["", "localhost:4000/socket", "/socket", "ftp://example.com/socket", "ws:", "ws://", "ws:///socket", "ws://:4000/s",
     "ws://[::1/socket", "ws://example.com:port/socket", "ws://example.com:70000/socket", "ws:/example.com"],
)  # fmt: skip
def test_an_endpoint_that_is_no_such_url_is_a_value_error_with_an_example(given: str):
    with pytest.raises(ValueError, match="ws://localhost:4000/socket"):
        parse_endpoint(given)


@given(texts)
def test_any_text_is_an_endpoint_or_a_value_error(text: str):
    try:
        endpoint = parse_endpoint("ws://" + text)
    except ValueError:
        return
    query = "&".join(filter(None, (endpoint.query, "vsn=2.0.0")))
    assert Address(endpoint, {}, "2.0.0").url("websocket").endswith("/websocket?" + query)


@pytest.mark.parametrize(
    "given",
    [
        "ftp://ann:s3cret@example.com/socket",
        "ftp://example.com/socket?token=s3cret",
        "ftp://example.com/socket#token=s3cret",
        "ann:s3cret@example.com/socket",
        "ws://?token=s3cret",
        "ws://#token=s3cret",
        "ws://ann:s3cret",
        "ws://ann:s3cret/x@example.com/socket",
        "ws://ann:s3cret@[example.com/socket",
        "ws://ann:s3cret@exa\u2100mple.com/socket",
    ],
)
def test_no_error_about_an_endpoint_holds_a_secret(given: str):
    with pytest.raises(ValueError) as caught:
        parse_endpoint(given)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_neither_an_endpoint_nor_an_address_shows_a_secret():
    endpoint = parse_endpoint("wss://ann:s3cret@example.com/socket?key=s3cret")
    address = Address(endpoint, {"token": "s3cret"}, "2.0.0")
    assert str(endpoint) == "wss://example.com/socket"
    assert repr(endpoint) == "Endpoint('wss://example.com/socket')"
    assert repr(address) == "Address('wss://example.com/socket', vsn='2.0.0')"
    assert address.url("websocket").count("s3cret") == 3  # so that the check above could have failed


# Params.


def test_nested_params_are_written_in_the_servers_own_form():
    params = {"a": {"b": {"c": 1}}, "l": ["x", "y"], "yes": True, "no": False, "f": 1.5, "none": None}
    assert list(flatten_params(params)) == [
        ("a[b][c]", "1"), ("l[]", "x"), ("l[]", "y"), ("yes", "true"), ("no", "false"), ("f", "1.5"),
    ]  # fmt: skip


def test_a_server_reads_nested_params_as_they_were_meant():
    params = {"user": {"name": "änn & co", "tags": ["a", "b=c"], "admin": True}, "n": 7, "plus": "a+b c%"}
    assert seen_by_server(params) == {
        "user": {"name": "änn & co", "tags": ["a", "b=c"], "admin": "true"},
        "n": "7", "plus": "a+b c%", "vsn": "2.0.0",
    }  # fmt: skip


_keys = texts.filter(lambda key: bool(key) and not set("[]") & set(key) and key != "vsn")
_values = st.recursive(
    texts,
    lambda inner: st.lists(texts, min_size=1, max_size=3) | st.dictionaries(_keys, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(_keys, _values, max_size=4))
def test_a_server_reads_back_what_the_params_were(params: dict[str, Any]):
    assert seen_by_server(params) == {**params, "vsn": "2.0.0"}


@given(st.dictionaries(_keys, st.integers() | st.booleans() | st.none() | st.floats(), max_size=4))
def test_numbers_and_booleans_arrive_as_text_and_none_does_not_arrive(params: dict[str, Any]):
    words = {True: "true", False: "false"}
    expected = {
        key: words[value] if isinstance(value, bool) else str(value)
        for key, value in params.items()
        if value is not None
    }
    assert seen_by_server(params) == {**expected, "vsn": "2.0.0"}


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, 1j, lambda: 1], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize(("where", "name"), [("top", "a"), ("map", r"a\[b\]"), ("list", r"a\[\]")])
def test_a_value_that_no_query_carries_is_a_type_error_that_names_the_param(value: object, where: str, name: str):
    params = {"a": {"top": value, "map": {"b": value}, "list": [value]}[where]}
    with pytest.raises(TypeError, match=f"the param '{name}' is a {type(value).__name__}"):
        list(flatten_params(params))


@pytest.mark.parametrize("item", [{"a": 1, "b": 2}, {}, [1, 2], (1,)], ids=repr)
def test_a_list_holds_no_maps_or_lists_because_a_server_would_take_them_apart(item: object):
    with pytest.raises(TypeError, match=r"the param 'l\[\]' is a (dict|list|tuple) in a list"):
        list(flatten_params({"l": [item]}))


# The auth token.


def test_the_auth_token_is_offered_as_the_recorded_handshake_has_it():
    assert auth_subprotocols("secret") == ("phoenix", "base64url.bearer.phx.c2VjcmV0")
    assert AUTH_TOKEN_HEADER.lower() == "x-phoenix-authtoken"


@given(texts)
def test_a_token_is_standard_base64_without_padding_whatever_it_holds(token: str):
    phoenix, offered = auth_subprotocols(token)
    prefix = "base64url.bearer.phx."
    assert phoenix == "phoenix"
    assert offered.startswith(prefix)
    encoded = offered.removeprefix(prefix)
    assert not set(encoded) & set("=-_")
    assert base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode() == token


def test_a_token_uses_plus_and_slash_where_base64url_would_not():
    assert auth_subprotocols("~~~???>>>")[1].endswith("fn5+Pz8/Pj4+")


@pytest.mark.parametrize(
    ("endpoint", "params", "token", "url"),
    [
        ("ws://a/s", {}, None, "http://a/s/longpoll?vsn=2.0.0"),
        ("wss://a/s", {"user": "ann"}, "T.1-_", "https://a/s/longpoll?user=ann&vsn=2.0.0&token=T.1-_"),
        ("https://a/s", {"token": "mine", "tokens": "1"}, None, "https://a/s/longpoll?tokens=1&vsn=2.0.0"),
        ("ws://a/s", {"token": {"b": 1}, "a": {"token": 2}}, "T", "http://a/s/longpoll?a%5Btoken%5D=2&vsn=2.0.0&token=T"),
        ("ws://a/s?token=mine&key=1&to%6Ben=x", {}, "a+b", "http://a/s/longpoll?key=1&vsn=2.0.0&token=a%2Bb"),
        ("ws://a/s?token", {"token": ["x"]}, "T", "http://a/s/longpoll?vsn=2.0.0&token=T"),
    ],
)  # fmt: skip
def test_in_a_session_only_the_sessions_token_is_called_token(
    endpoint: str, params: Params, token: str | None, url: str
):
    assert Address(parse_endpoint(endpoint), params, "2.0.0").session_url(token) == url
