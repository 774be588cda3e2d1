"""Marble files that try more than they may: refused by their text, or when they do it."""

from __future__ import annotations

import re

import pytest

from rxphoenix.testing.marble_file import MarbleFileError, read
from rxphoenix.testing.marble_run import run
from tests.testing.small_files import small

HOSTILE = [
    """rx.of(1).pipe(ops.map(lambda n: n.__class__))""",
    """rx.of(1).pipe(ops.map(lambda n: "{0.__class__}".format(n)))""",
    """ops.map.__globals__""",
    """channel.__func__.__globals__""",
    """channel.__self__""",
    """scheduler._loop""",
    """socket.state._context""",
    """[each for each in (1, 2)]""",
    """rx.of(*(each for each in (1, 2)))""",
    """(lambda: [sys for sys in ()])()""",
    """(escape := rx.never())""",
    """import os""",
    """exec("1")""",
    """getattr(socket, "state")""",
    """rx.of(1).pipe(ops.flat_map(lambda _: globals()))""",
    """reply.__init__.__globals__""",
    """error("Nothing").__traceback__""",
]


@pytest.mark.parametrize("source", HOSTILE)
def test_a_hostile_expression_is_refused_before_anything_runs(source: str) -> None:
    with pytest.raises(MarbleFileError, match=r"not allowed here|there is no name|no Python expression"):
        run(read(small(when=source), "hostile.marble"))


REACHING = {
    "scheduler.loop": "'loop' of a VirtualScheduler",
    "channel.real": "'real' of a method",
    "reply.mro()": "'mro' of the class Reply",
    "ops.map.func": "'func' of a function",
    "socket.errors.subscribers": "'subscribers' of a FaultStream",
    "socket.state.set": "'set' of a StateStream",
    "socket.errors.subscribe().context": "'context' of a Subscriber",
    "rx.never().lock": "'lock' of a Observable",
}


@pytest.mark.parametrize("source", REACHING)
def test_what_an_expression_was_not_given_it_does_not_reach_by_another_way(source: str) -> None:
    with pytest.raises(MarbleFileError, match=re.escape(REACHING[source])):
        run(read(small(when=source), "hostile.marble"))


@pytest.mark.parametrize(
    "when",
    [
        'channel("a").on("x").pipe(ops.map(lambda body: ops.map.func))',
        'channel("a").on("x").pipe(ops.map(lambda body: ops.map.func), ops.catch(lambda error, source: rx.never()))',
        'channel("a").on("x")\n  options {"params": lambda: stepped.func}',
        'channel("a").on("x")\n  options {"reconnect_after": lambda attempt, error: stepped.func}',
    ],
)
def test_a_function_that_tries_later_fails_the_file_whatever_becomes_of_its_error(when: str) -> None:
    text = small(given="phoenix a -n-n\n  drops --x", when=when, then="observed -", where='n = event("x")')
    with pytest.raises(MarbleFileError, match="not allowed here"):
        run(read(text, "hostile.marble"))


def test_groups_notifications_and_structs_may_be_asked_for_what_they_hold() -> None:
    run(read(small(
        given="hot keys ab-|",
        when="""keys.pipe(ops.group_by(lambda key: key), ops.flat_map(lambda group:
      group.pipe(ops.map(lambda each: group.key + each))), ops.materialize(), ops.map(lambda told: told.kind))""",
        then="observed xx-(y|)",
        where='x = "N"\n  y = "C"',
    )))  # fmt: skip


@pytest.mark.parametrize("source", ["().__class__.__base__", "reply.mro()", "event.__globals__", "[x for x in ()]"])
def test_values_are_expressions_too(source: str) -> None:
    with pytest.raises(MarbleFileError, match="not allowed here"):
        run(read(small(where=f"x = {source}"), "hostile.marble"))
