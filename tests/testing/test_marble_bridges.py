"""The words of marble files about bridges."""

from __future__ import annotations

import pytest

from rxphoenix import Overflow
from rxphoenix.testing import World
from rxphoenix.testing.marble_bridges import bridge_words
from rxphoenix.testing.marble_file import MarbleFileError, read
from rxphoenix.testing.marble_run import run


def test_the_body_of_a_loop_takes_as_long_as_it_says(marbles: World):
    loop, work = (bridge_words(marbles.scheduler)[word] for word in ("loop", "work"))
    marbles.expect(loop(marbles.hot("-abc|"), 0.002)).to_be("-a-b-c-|")
    marbles.expect(loop(marbles.hot("-abc|"), [0.004, 0.001])).to_be("-a---bc|")
    marbles.expect(loop(marbles.hot("-abc|"), lambda _value: work(0.003, None))).to_be("-a--b--c--|")


def test_a_loop_is_an_iteration_with_its_options_and_ends_with_its_subscription(marbles: World):
    loop = bridge_words(marbles.scheduler)["loop"]
    source = marbles.hot("-abcdef")
    marbles.expect(loop(source, 0.01, overflow=Overflow.LATEST), "^ 15ms !").to_be("-a 9ms f")
    marbles.expect_subscriptions(source).to_be("^ 15ms !")


def test_work_takes_its_time_and_so_do_items(marbles: World):
    words = bridge_words(marbles.scheduler)
    marbles.expect(words["work"](0.003, "a")).to_be("---(a|)")
    marbles.expect(words["from_async_iterable"](words["items"](0.002, "a", "b"))).to_be("--a-(b|)")


def test_every_policy_has_its_name():
    with_names = vars(bridge_words(World().scheduler)["overflow"])
    assert list(with_names.values()) == list(Overflow)
    assert with_names["BLOCK"] is Overflow.BLOCK


def test_what_a_loop_cannot_do_is_an_error_of_its_stream():
    file = """A loop that has nothing to hold back.

given
  hot  s    --a
when
  loop(s, 0.001, overflow=overflow.BLOCK)
then
  observed  #
where
  # = error("BufferOverflow", 1)
"""
    with pytest.raises(AssertionError, match=r"Overflow\.BLOCK has nothing to hold back"):
        run(read(file))


def test_no_word_leads_behind_an_object():
    file = """A look at what is inside.

given
  hot  s    --a
when
  loop(s, 0.001).pipe(ops.map(lambda value: overflow.BLOCK.value))
then
  observed  --a
"""
    with pytest.raises(MarbleFileError, match="the attribute 'value' of a Overflow is not allowed here"):
        run(read(file))
