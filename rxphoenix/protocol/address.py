"""Where to connect: endpoint, params, version and auth token as URL, headers and subprotocols.

What lives here: the pure computation of an address. What does not: evaluating functions given as params or
token, and connecting.

Source: the "Connecting" part of the protocol page.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast
from urllib.parse import SplitResult, quote_plus, unquote_plus, urlsplit, urlunsplit

import msgspec

__all__ = [
    "AUTH_TOKEN_HEADER",
    "SESSION_TOKEN_HEADER",
    "Address",
    "Endpoint",
    "Params",
    "auth_subprotocols",
    "parse_endpoint",
]

Params: TypeAlias = Mapping[str, Any]
"""Connect params: strings, numbers, booleans, ``None`` (left out), lists of these, and mappings of all of them."""

AUTH_TOKEN_HEADER = "X-Phoenix-AuthToken"
"""The header that carries the auth token on long polling."""

SESSION_TOKEN_HEADER = "X-Phoenix-Longpoll-Token"
"""The header that carries the token of a long polling session, where the server understands it (from 1.8.10 on)."""

_SESSION_TOKEN = "token"
_AUTH_SUBPROTOCOL = "base64url.bearer.phx."
_WEBSOCKET_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}
_REMEDY = "params may be strings, numbers, booleans, None, lists of these, and mappings of all of them"
_HTTP_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}


class Endpoint(msgspec.Struct, frozen=True):
    """A checked endpoint such as ``wss://example.com/socket``; its repr shows no query and no credentials."""

    scheme: str
    netloc: str
    path: str
    query: str

    def __repr__(self) -> str:
        return f"Endpoint({str(self)!r})"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc.rpartition('@')[2]}{self.path}"


def parse_endpoint(endpoint: str) -> Endpoint:
    """Check an endpoint given by a user.

    Arguments:
        endpoint: a ``ws:``, ``wss:``, ``http:`` or ``https:`` URL of the socket's mount point, for example
            ``"wss://example.com/socket"``; it may have a query and a trailing slash of its own. A trailing
            ``/websocket`` or ``/longpoll`` is understood as naming the transport, and dropped.

    Raises:
        TypeError: it is not a string.
        ValueError: it is not such a URL.

    Example:
        ```python
        from rxphoenix.protocol.address import parse_endpoint

        assert str(parse_endpoint("https://example.com/socket/?a=1")) == "https://example.com/socket"
        ```
    """
    if not isinstance(endpoint, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"endpoint must be a URL string, not {type(endpoint).__name__}")
    remedy = 'give a URL such as "ws://localhost:4000/socket"'
    try:
        parts = urlsplit(endpoint.strip())
        host, _port = parts.hostname, parts.port
    except ValueError:  # its words may hold a password
        raise ValueError(f"the endpoint is not a URL, its host or its port cannot be read; {remedy}") from None
    shown = re.split("[?#]", endpoint, maxsplit=1)[0].rpartition("@")[2]
    if parts.scheme.lower() not in _WEBSOCKET_SCHEMES:
        raise ValueError(f"the endpoint {shown!r} must begin with ws:, wss:, http: or https:; {remedy}")
    if not host:
        raise ValueError(f"the endpoint {shown!r} names no host; {remedy}")
    path = parts.path.rstrip("/")
    for transport in ("/websocket", "/longpoll"):
        path = path.removesuffix(transport)
    return Endpoint(parts.scheme.lower(), parts.netloc, path, parts.query)


class Address(msgspec.Struct, frozen=True):
    """Everything that one attempt to connect needs to know about where, apart from secrets in headers.

    Arguments:
        endpoint: the checked endpoint.
        params: the evaluated connect params.
        vsn: the serializer's version.
    """

    endpoint: Endpoint
    params: Params
    vsn: str

    def url(self, transport: Literal["websocket", "longpoll"]) -> str:
        """The full URL for one transport; it may hold secrets, so it is never logged.

        Raises:
            TypeError: a param is of a kind that a query cannot carry.
        """
        schemes = _WEBSOCKET_SCHEMES if transport == "websocket" else _HTTP_SCHEMES
        return self._url(schemes, transport, self._pairs())

    def session_url(self, token: str | None = None) -> str:
        """The full URL for a request of a long polling session.

        A param of the application that is called ``token`` is left out: its name is the one of the session's token,
        and a server takes whatever stands there for that.

        Arguments:
            token: the token of the session, ``None`` if a header carries it.

        Raises:
            TypeError: a param is of a kind that a query cannot carry.
        """
        pairs = [pair for pair in self._pairs() if not _names_session_token(pair)]
        if token is not None:
            pairs.append(f"{_SESSION_TOKEN}={quote_plus(token)}")
        return self._url(_HTTP_SCHEMES, "longpoll", pairs)

    def _pairs(self) -> list[str]:
        given = filter(None, self.endpoint.query.split("&"))
        params = (f"{quote_plus(key)}={quote_plus(value)}" for key, value in flatten_params(self.params))
        return [*given, *params, f"vsn={quote_plus(self.vsn)}"]

    def _url(self, schemes: Mapping[str, str], transport: str, pairs: list[str]) -> str:
        path = f"{self.endpoint.path}/{transport}"
        scheme = schemes[self.endpoint.scheme]
        return urlunsplit(SplitResult(scheme, self.endpoint.netloc, path, "&".join(pairs), ""))

    def __repr__(self) -> str:
        return f"Address({str(self.endpoint)!r}, vsn={self.vsn!r})"


def _names_session_token(pair: str) -> bool:
    name = unquote_plus(pair.partition("=")[0])
    return name == _SESSION_TOKEN or name.startswith(f"{_SESSION_TOKEN}[")


def flatten_params(params: Params) -> Iterator[tuple[str, str]]:
    """The pairs of a query, nested maps as ``a[b]`` and lists as ``a[]``.

    Raises:
        TypeError: a value is neither a string, number, boolean, ``None``, mapping nor list, or a list holds a mapping
            or a list: the form has no way to say where one item ends, and a server would take them apart.
    """
    for key, value in params.items():
        yield from _flatten(str(key), value)


def _flatten(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if value is None:
        return
    if isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, (str, int, float)):
        yield name, str(value)
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[Any, Any]", value).items():
            yield from _flatten(f"{name}[{key}]", inner)
    elif isinstance(value, (list, tuple)):
        for inner in cast("list[Any]", value):
            if isinstance(inner, (Mapping, list, tuple)):
                kind = type(cast("object", inner)).__name__
                raise TypeError(f"the param '{name}[]' is a {kind} in a list, which a query cannot carry; {_REMEDY}")
            yield from _flatten(f"{name}[]", inner)
    else:
        raise TypeError(f"the param {name!r} is a {type(value).__name__}; {_REMEDY}")


def auth_subprotocols(token: str) -> tuple[str, str]:
    """The WebSocket subprotocols that carry an auth token: standard base64 without padding."""
    encoded = base64.b64encode(token.encode()).decode().rstrip("=")
    return "phoenix", _AUTH_SUBPROTOCOL + encoded
