"""The query as Phoenix reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.protocol.address import Address, parse_endpoint
from rxphoenix.server.params import parse_query


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("", {}),
        ("&&", {}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("a=1=2", {"a": "1=2"}),
        ("a=1&a=2", {"a": "2"}),
        ("a%20b=c+d%2B", {"a b": "c d+"}),
        ("a[b]=1&a[c]=2", {"a": {"b": "1", "c": "2"}}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a[]=1&a[]=2", {"a": ["1", "2"]}),
        ("a[0]=1&a[1]=2", {"a": {"0": "1", "1": "2"}}),
        ("a[b][]=1&a[b][]=2", {"a": {"b": ["1", "2"]}}),
        ("a[][b]=1&a[][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        ("a[][]=1", {"a": [["1"]]}),
        ("a%5Bb%5D=1", {"a": {"b": "1"}}),
        ("a=1&a[b]=2", {"a": {"b": "2"}}),
        ("a[b]=1&a[]=2", {"a": ["2"]}),
        ("a[b=1", {"a[b": "1"}),
        ("[a]=1", {"[a]": "1"}),
    ],
)
def test_a_query_is_read(query: str, params: dict[str, Any]):
    assert parse_query(query) == params


names = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=1, max_size=8)
values = st.text(st.characters(codec="utf-8"), max_size=8)
nested = st.recursive(
    values,
    lambda inner: st.dictionaries(names, inner, min_size=1, max_size=3) | st.lists(values, min_size=1, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(names, nested, max_size=4))
def test_what_the_client_writes_is_read(params: dict[str, Any]):
    url = Address(parse_endpoint("ws://localhost/socket"), params, "2.0.0").url("websocket")
    assert parse_query(url.partition("?")[2]) == {**params, "vsn": "2.0.0"}
