"""How Phoenix reads the query of a URL.

What lives here: the query as nested params. What does not: writing one (``rxphoenix.protocol.address``).

Source: the "Connecting" part of the protocol page; `a[b]=1` is a map, `a[]=1` a list, and `a[0]=1` a map too.
"""

from __future__ import annotations

import re
from typing import Any, cast
from urllib.parse import unquote_plus

__all__ = ["parse_query"]


def parse_query(query: str) -> dict[str, Any]:
    """Read a query into nested params; all values are strings.

    Raises:
        UnicodeDecodeError: it is not UTF-8 behind its percent signs.

    Example:
        ```python
        from rxphoenix.server.params import parse_query

        assert parse_query("a[b]=1&l[]=x&l[]=y&m[0]=z") == {"a": {"b": "1"}, "l": ["x", "y"], "m": {"0": "z"}}
        ```
    """
    params: dict[str, Any] = {}
    for pair in filter(None, query.split("&")):
        name, _, value = pair.partition("=")
        name = unquote_plus(name, errors="strict")
        nested = re.fullmatch(r"([^\[\]]+)((?:\[[^\[\]]*\])+)", name)
        keys = [name] if nested is None else [nested[1], *re.findall(r"\[([^\[\]]*)\]", nested[2])]
        _put(params, keys, unquote_plus(value, errors="strict"))
    return params


def _put(into: dict[str, Any], keys: list[str], value: str) -> None:
    key, *inner = keys
    if not inner:
        into[key] = value
    elif inner[0] == "":
        kept = into.get(key)
        items = cast("list[Any]", kept) if isinstance(kept, list) else []
        into[key] = [*items, _nested(inner[1:], value)]
    else:
        kept = into.get(key)
        fields = cast("dict[str, Any]", kept) if isinstance(kept, dict) else {}
        _put(fields, inner, value)
        into[key] = fields


def _nested(keys: list[str], value: str) -> Any:
    if not keys:
        return value
    if keys[0] == "":
        return [_nested(keys[1:], value)]
    return {keys[0]: _nested(keys[1:], value)}
