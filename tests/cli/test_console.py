"""Columns and colours."""

from __future__ import annotations

import io
import re

import pytest

from rxphoenix.cli.console import Console


class Terminal(io.StringIO):
    """A terminal, as far as anybody can tell."""

    def isatty(self) -> bool:
        return True


def show(console: Console) -> None:
    console.act("Title", "explanation")
    console.code("code()")
    console.state("connection", "open")
    console.event("room:lobby", "hello")
    console.error("error", ValueError("words"))
    console.text("end")


def test_columns_are_aligned():
    output = io.StringIO()
    show(Console(output))
    assert re.sub(r"\d+\.\d", "0.0", output.getvalue()).splitlines() == [
        "",
        "1. Title",
        "   explanation",
        "  0.0  >>>             code()",
        "  0.0  connection      [open]",
        "  0.0  room:lobby      hello",
        "  0.0  error           ValueError: words",
        "end",
    ]


def test_a_terminal_gets_the_same_in_colour(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, terminal = io.StringIO(), Terminal()
    show(Console(plain))
    show(Console(terminal))
    assert "\x1b[32m[open]\x1b[0m" in terminal.getvalue()
    assert re.sub(r"\x1b\[\d*m", "", terminal.getvalue()) == plain.getvalue()


@pytest.mark.parametrize(("value", "colored"), [("1", False), ("", True)])
def test_a_terminal_without_colour_is_respected(value: str, colored: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", value)
    terminal = Terminal()
    show(Console(terminal))
    assert ("\x1b" in terminal.getvalue()) is colored
