"""The values of a marble file, evaluated; and mistakes in its lanes, pointed at in the file.

What lives here: what running and drawing a file share. What does not: running (``marble_run.py``) and drawing
(``marble_figure.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rxphoenix.testing.expression import ForbiddenExpression, evaluate
from rxphoenix.testing.marble_file import ExpressionText, Lane, MarbleFile, MarbleFileError
from rxphoenix.testing.marble_reach import look
from rxphoenix.testing.marble_words import VALUES
from rxphoenix.testing.notation import MarbleSyntaxError

__all__ = ["Lanes"]

_T = TypeVar("_T")


class Lanes:
    """The values of a marble file, evaluated.

    Arguments:
        file: the file, read.
    """

    def __init__(self, file: MarbleFile) -> None:
        self.file = file
        self.trespasses: list[MarbleFileError] = []
        """What expressions have tried and may not, also in a function that was called later."""
        values = {symbol: self.evaluate(text, VALUES) for symbol, text in file.values.items()}
        error = values.pop("#", None)
        self.values: Mapping[str, Any] = values
        """What each symbol stands for that is a value."""
        self.error: Exception | None = error if isinstance(error, Exception) else None
        """What ``#`` stands for, ``None`` for the usual."""

    def evaluate(self, text: ExpressionText, names: Mapping[str, Any]) -> Any:
        """Evaluate an expression; raises ``MarbleFileError`` for what it may not, and for what it raises."""

        def checked(value: Any, name: str) -> Any:
            try:
                return look(value, name)
            except ForbiddenExpression as error:
                self.trespasses.append(self.file.mistake(text.line, text.column, error.problem))
                raise

        try:
            return evaluate(text.source, names, checked)
        except ForbiddenExpression as error:
            raise self.file.mistake(text.line, text.column + error.column, error.problem) from None
        except Exception as error:
            problem = f"the expression raised {type(error).__name__}: {error}"
            raise self.file.mistake(text.line, text.column, problem) from error

    def at(self, lane: Lane, action: Callable[[], _T]) -> _T:
        """Do something with a lane; a mistake in its drawing is pointed at in the file."""
        try:
            return action()
        except MarbleSyntaxError as error:
            problem = f"{error.problem}; expected {error.expected}"
            raise self.file.mistake(lane.line, lane.column + error.offset, problem) from None
        except (ValueError, TypeError) as error:
            raise self.file.mistake(lane.line, lane.column, str(error)) from None
