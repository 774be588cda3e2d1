"""What the words of a shell mean."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxphoenix.cli.live.arguments import count, duration, join_pairs, pairs, payload, port, speed

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
NUMBERS = st.one_of(
    st.integers(1, 10**9).map(str),
    st.tuples(st.integers(0, 10**6), st.integers(1, 999)).map(lambda parts: f"{parts[0]}.{parts[1]:03}"),
)
KEYS = st.text(min_size=1).filter(lambda key: "=" not in key and not key.endswith(":"))


@given(number=NUMBERS, unit=st.sampled_from(sorted(UNITS)))
def test_a_duration_is_a_number_and_a_unit(number: str, unit: str):
    assert duration(number + unit) == float(number) * UNITS[unit]


@given(text=st.text())
def test_anything_is_a_duration_or_named_in_the_error(text: str):
    try:
        seconds = duration(text)
    except ValueError as error:
        told = str(error)
    else:
        assert 0 < seconds < float("inf")
        return
    assert told.startswith(repr(text))
    assert "30s" in told


@pytest.mark.parametrize("text", ["0", "0s", "-1s", "1 s", "s", "", "1d", "1e3", "inf", "nan", "\u0661s", "9" * 400])
def test_what_is_no_duration(text: str):
    with pytest.raises(ValueError, match="is not a duration; write 30s"):
        duration(text)


@given(number=st.integers(1, 10**18 - 1))
def test_a_count_is_at_least_one(number: int):
    assert count(f"{number}") == number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "", "1_0", "\u0661", "9" * 400])
def test_what_is_no_count(text: str):
    with pytest.raises(ValueError, match="is no number of things; write 1 or more"):
        count(text)


@given(number=NUMBERS)
def test_a_speed_is_a_number_or_no_time_at_all(number: str):
    assert speed(number) == float(number)
    assert speed("max") == float("inf")


@pytest.mark.parametrize("text", ["0", "-1", "fast", "", "inf", "nan", "2x", "9" * 400])
def test_what_is_no_speed(text: str):
    with pytest.raises(ValueError, match="is no speed; write 2 for twice as fast"):
        speed(text)


def test_a_port_is_from_0_to_65535():
    assert [port(text) for text in ("0", "4000", "65535")] == [0, 4000, 65535]
    for text in ("65536", "-1", "http", "", "999999"):
        with pytest.raises(ValueError, match=f"{text!r} is not a port"):
            port(text)


@given(given=st.dictionaries(KEYS, st.text()))
def test_pairs_are_what_was_given(given: dict[str, str]):
    assert pairs(f"{key}={value}" for key, value in given.items()) == given
    assert join_pairs(f"{key}={value}" for key, value in given.items()) == given


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(given=st.dictionaries(KEYS, JSON))
def test_join_params_may_be_any_json(given: dict[str, Any]):
    assert join_pairs(f"{key}:={json.dumps(value)}" for key, value in given.items()) == given


@given(value=JSON)
def test_a_payload_may_be_any_json_that_is_not_one_of_the_other_forms(value: Any):
    assert payload(json.dumps(value)) == value


@pytest.mark.parametrize("read", [pairs, join_pairs])
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["user"], "'user' is not a pair"),
        (["=ann"], "'=ann' is not a pair"),
        ([""], "'' is not a pair"),
        (["a=1", "a=2"], "'a' is given twice"),
    ],
)
def test_what_is_no_pair_is_named(read: Any, words: list[str], told: str):
    with pytest.raises(ValueError, match=told):
        read(words)


def test_a_value_that_may_be_secret_is_not_named():
    with pytest.raises(ValueError, match=r"what follows password:= is no JSON; write password=\.\.\.") as raised:
        join_pairs(["password:=sesame"])
    assert "sesame" not in str(raised.value)
    assert raised.value.__suppress_context__
    with pytest.raises(ValueError) as raised:
        pairs(["token=sesame", "token=sesame"])
    assert "sesame" not in str(raised.value)


def test_a_payload_may_come_from_a_file_or_from_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "payload.json"
    path.write_text('{"n": 1}', "utf-8")
    assert payload(f"@{path}") == {"n": 1}
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b'{"n": 2}')))
    assert payload("-") == {"n": 2}
    with pytest.raises(FileNotFoundError):
        payload(f"@{tmp_path / 'none.json'}")


@pytest.mark.parametrize("text", ["{", "hello", "", "NaN", "[" * 100_000, "\udcff"])
def test_a_payload_that_is_no_json_is_named(text: str):
    with pytest.raises(ValueError, match=r"is no JSON: .*; write "):
        payload(text)
