"""Each target keeps its promises for some thousand inputs, so that none of them rots between two runs of a fuzzer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import Result, read_output
from tests.fuzz.source import Decisions
from tests.fuzz.targets import TARGETS


@st.composite
def inputs(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """Any bytes, or a seed with some changes."""
    if draw(st.booleans()):
        return draw(st.binary(max_size=300))
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4) | st.sampled_from(_PIECES))
    return bytes(data)


_PIECES = [b"[", b"]", b"{", b"}", b'"', b"null", b"1e999", b"\xff", b"\\ud800", b"\x00", b'"phx_close"', b",", b"{}"]


@pytest.mark.parametrize("name", TARGETS)
def test_a_target_keeps_its_promises(name: str):
    target = TARGETS[name]
    for seed in target.seeds:
        target.run(seed)

    @settings(
        max_examples=60 if name == "client" else 200,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(inputs(target.seeds))
    def keeps(data: bytes) -> None:
        target.run(data)

    keeps()


def test_bytes_decide_and_when_they_are_used_up_all_decisions_are_the_last():
    source = Decisions(bytes([0, 128, 255, 3, 7, 8, 9]))
    assert [source.choice("abc"), source.random(), source.randrange(300)] == ["a", 0.5, (255 * 256 + 3) * 300 // 65536]
    assert source.bytes(255) == bytes([8, 9])
    assert source.are_over
    assert (source.choice("abc"), source.randrange(1_000), source.bytes(0)) == ("c", 999, b"")


def test_the_output_of_a_fuzzer_is_read():
    output = "#2 INITED cov: 50 ft: 60\n#9 NEW cov: 51 ft: 71 corp: 5\nDone 123 runs in 2 second(s)\n"
    assert read_output(output, 0, None) == Result(123, 71, None, "")
    assert read_output("boom", 77, b"x") == Result(0, 0, b"x", "boom")
