"""What the words of a shell mean: durations, pairs, payloads.

What lives here: reading them, with an error that names the word and what is right. What does not: the options that they
belong to (``commands.py``).
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rxphoenix import Payload

__all__ = ["count", "duration", "join_pairs", "pairs", "payload", "port", "speed"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<unit>ms|s|m|h|)", re.ASCII)


def duration(text: str) -> float:
    """Seconds, of ``"30s"``, ``"500ms"``, ``"2.5m"``, ``"1h"`` or ``"30"``.

    Raises:
        ValueError: it is none, or not more than zero.

    Example:
        ```python
        from rxphoenix.cli.live.arguments import duration

        assert duration("2.5m") == 150.0
        ```
    """
    match = _DURATION.fullmatch(text)
    seconds = float(match["number"]) * _UNITS[match["unit"]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(f"{text!r} is not a duration; write 30s, 500ms, 2.5m or 1h")
    return seconds


def count(text: str) -> int:
    """A number of things, at least one.

    Raises:
        ValueError: it is none.

    Example:
        ```python
        from rxphoenix.cli.live.arguments import count

        assert count("100") == 100
        ```
    """
    if not re.fullmatch(r"0*[1-9][0-9]{0,17}", text):
        raise ValueError(f"{text!r} is no number of things; write 1 or more")
    return int(text)


def pairs(words: Iterable[str]) -> dict[str, str]:
    """The connect params of ``key=value`` words.

    Raises:
        ValueError: one is no such pair, or a key is given twice. What was given as a value is not in the message.

    Example:
        ```python
        from rxphoenix.cli.live.arguments import pairs

        assert pairs(["user=ann", "filter=a=b"]) == {"user": "ann", "filter": "a=b"}
        ```
    """
    found: dict[str, str] = {}
    for word in words:
        key, is_pair, value = word.partition("=")
        if not is_pair or not key:
            raise ValueError(f"{_shortened(word)} is not a pair; write key=value, such as user=ann")
        _put(found, key, value)
    return found


def join_pairs(words: Iterable[str]) -> dict[str, Any]:
    """The join params of ``key=text`` and ``key:=JSON`` words.

    Raises:
        ValueError: one is no such pair, a key is given twice, or what follows ``:=`` is no JSON. What was given as a
            value is not in the message: it may be a secret.

    Example:
        ```python
        from rxphoenix.cli.live.arguments import join_pairs

        assert join_pairs(["password=sesame", "last_id:=7"]) == {"password": "sesame", "last_id": 7}
        ```
    """
    found: dict[str, Any] = {}
    for word in words:
        key, is_pair, text = word.partition("=")
        value: Any = text
        if key.endswith(":"):
            key = key[:-1]
            try:
                value = _json(text)
            except ValueError:
                raise ValueError(
                    f"what follows {key}:= is no JSON; write {key}=... for a text, or {key}:=7 for a number"
                ) from None
        if not is_pair or not key:
            raise ValueError(f"{_shortened(word)} is not a pair; write key=text, or key:=JSON, such as last_id:=7")
        _put(found, key, value)
    return found


def port(text: str) -> int:
    """A port, from 0 to 65535.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or int(text) > 65535:
        raise ValueError(f"{text!r} is not a port: a number from 0 to 65535")
    return int(text)


def speed(text: str) -> float:
    """By how much time runs faster: a number such as ``"2"`` or ``"0.5"``, or ``"max"`` for infinity.

    Raises:
        ValueError: it is none.

    Example:
        ```python
        from rxphoenix.cli.live.arguments import speed

        assert speed("2.5") == 2.5
        ```
    """
    if text == "max":
        return math.inf
    found = float(text) if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", text, re.ASCII) else 0.0
    if not 0 < found < math.inf:
        raise ValueError(f"{text!r} is no speed; write 2 for twice as fast, 0.5 for half, or max for no time at all")
    return found


def payload(text: str) -> Payload:
    """The payload of a push: JSON, ``"-"`` for JSON from standard input, ``"@file"`` for JSON from a file.

    Raises:
        ValueError: it is no JSON.
        OSError: the file cannot be read.

    Example:
        ```python
        from rxphoenix.cli.live.arguments import payload

        assert payload('{"body": "hello"}') == {"body": "hello"}
        ```
    """
    if text == "-":
        place, data = "standard input", sys.stdin.buffer.read()
    elif text.startswith("@"):
        place, data = text[1:], Path(text[1:]).read_bytes()
    else:
        place, data = _shortened(text), text.encode("utf-8", "surrogateescape")
    try:
        return _json(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f'{place} is no JSON: {error}; write \'{{"body": "hello"}}\', @file, or - for standard input'
        ) from None


def _json(text: str | bytes) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is no JSON value")

    return json.loads(text, parse_constant=refuse)


def _put(found: dict[str, Any], key: str, value: object) -> None:
    if key in found:
        raise ValueError(f"{key!r} is given twice")
    found[key] = value


def _shortened(word: str) -> str:
    return repr(word if len(word) <= 40 else f"{word[:37]}...")
