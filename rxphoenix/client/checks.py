"""Refusing what cannot be used, at the call that was given it, in words that name it and the remedy.

What lives here: checks of what users give. What does not: what is done with it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, cast

from rxphoenix.errors import UnencodablePayload
from rxphoenix.protocol.address import Params, flatten_params
from rxphoenix.protocol.backoff import Delay

__all__ = [
    "check_count",
    "check_delay",
    "check_event",
    "check_function",
    "check_headers",
    "check_name",
    "check_optional_seconds",
    "check_params",
    "check_seconds",
    "check_token",
]


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_BREAKS_A_HEADER = re.compile(r"[\r\n\0]")


def check_seconds(name: str, seconds: float, *, zero: bool = False) -> float:
    """Return a number of seconds; raises ``ValueError`` or ``TypeError`` for anything else."""
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} must be a number of seconds, not {seconds!r}")
    if not (0 <= seconds < float("inf")) or (seconds == 0 and not zero):
        raise ValueError(f"{name} must be a {'' if zero else 'positive '}number of seconds, not {seconds!r}")
    return seconds


def check_count(name: str, count: int) -> int:
    """Return a number of things; raises ``TypeError`` or ``ValueError`` for anything but a positive integer."""
    if not isinstance(count, int) or isinstance(count, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"{name} must be an integer, not {count!r}")
    if count < 1:
        raise ValueError(f"{name} must be at least 1, not {count!r}")
    return count


def check_name(what: str, name: str) -> str:
    """Return a topic or event name; raises ``TypeError`` or ``ValueError`` for what cannot be one."""
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"the {what} must be a string, not {name!r}")
    if not name:
        raise ValueError(f"the {what} must not be empty")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UnencodablePayload(f"the {what} {name!r} is not valid Unicode: {error}") from None
    return name


def check_event(event: str) -> str:
    """Return an event name; raises ``TypeError`` or ``ValueError`` for what cannot be one."""
    return check_name("event", event)


def check_params(params: Any) -> Params:
    """Return connect params; raises ``TypeError`` for what a query cannot carry."""
    if not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of names to values, not {type(params).__name__}")
    mapping = cast("Params", params)
    for _pair in flatten_params(mapping):
        continue
    return mapping


def check_token(token: Any) -> str | None:
    """Return an auth token or ``None``; raises ``TypeError`` or ``ValueError`` for all but a string of one line."""
    if token is not None and not isinstance(token, str):
        raise TypeError(f"the auth token must be a string, not {type(token).__name__}")
    if token is not None and _BREAKS_A_HEADER.search(token):
        raise ValueError("the auth token must not contain a line break; strip() it where it is read")
    return token


def check_headers(headers: Any) -> Mapping[str, str]:
    """Return HTTP headers; raises ``TypeError`` or ``ValueError`` for what cannot be sent."""
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers must be a mapping of names to strings, not {type(headers).__name__}")
    mapping = cast("Mapping[Any, Any]", headers)
    for name, value in mapping.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise TypeError(f"the header {name!r} must be a string")
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of a header")
        if _BREAKS_A_HEADER.search(value):
            raise ValueError(f"the header {name!r} must not contain a line break")
    return cast("Mapping[str, str]", mapping)


def check_optional_seconds(name: str, seconds: float | None) -> float | None:
    """Return a number of seconds or ``None``; raises ``ValueError`` or ``TypeError`` for anything else."""
    return None if seconds is None else check_seconds(name, seconds)


def check_function(name: str, function: Any, *arguments: str) -> None:
    """Raise ``TypeError`` for what is no plain function of so many arguments."""
    problem = f"{name} must be a plain function of ({', '.join(arguments)}), not {function!r}"
    if not callable(function) or inspect.iscoroutinefunction(function):
        raise TypeError(problem)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some builtins have none: they are taken at their word
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        raise TypeError(f"{problem}: {error}") from None


def check_delay(name: str, delay: Delay | None) -> Delay | None:
    """Return a delay function or ``None``; raises ``TypeError`` for what cannot be called."""
    if delay is not None and not callable(delay):
        raise TypeError(f"{name} must be a function of (attempt, error), for example stepped(1, 2, 5), not {delay!r}")
    return delay


def check_close(code: int | None, reason: str) -> None:
    """Raise ``ValueError`` for a close code or a reason that a client cannot send."""
    if code is not None and code != 1000 and not 3000 <= code <= 4999:
        raise ValueError(f"a client may close with code 1000 or 3000 to 4999, not {code!r}")
    if len(reason.encode()) > 123:
        raise ValueError(f"the reason may have 123 bytes, {reason[:32]!r}... has {len(reason.encode())}")
