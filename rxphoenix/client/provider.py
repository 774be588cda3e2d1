"""Values that a user may give as they are, as a function, or as a coroutine function.

What lives here: telling them apart and evaluating one. What does not: what the value means.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from copy import deepcopy
from typing import Any, Generic, TypeAlias, TypeVar, cast

from reactivex import abc
from reactivex.disposable import Disposable

from rxphoenix import tasks
from rxphoenix.client.context import Context
from rxphoenix.errors import EventLoopEnding, PhoenixError, ProviderFailed

__all__ = ["Provided", "Provider", "snapshot"]

_T = TypeVar("_T")

_REAL = "waits for something real, and no event loop runs here"

Provided: TypeAlias = (
    _T
    | Callable[[], _T]
    | Callable[[], Awaitable[_T]]
    | Callable[[Exception | None], _T]
    | Callable[[Exception | None], Awaitable[_T]]
)
"""A value, or a function or coroutine function that makes it anew for every attempt.

A function with a required positional parameter receives why the last attempt failed, ``None`` the first time.
"""


def snapshot(given: Provided[Any]) -> Provided[Any]:
    """What was given, as it is now, whatever becomes of it."""
    return given if callable(given) else deepcopy(given)


class Provider(Generic[_T]):
    """One thing that a user provided.

    Its repr shows no value, because it may be a secret.

    Arguments:
        what: the name under which the user gave it.
        given: the value or the function.
        check: returns the value in the form that we use; raises ``TypeError`` or ``ValueError`` if it is unusable.

    Raises:
        TypeError, ValueError: a plain value that ``check`` does not accept.
    """

    __slots__ = ("_check", "_takes_reason", "given", "is_plain", "value", "what")

    def __init__(self, what: str, given: Provided[_T], check: Callable[[Any], _T]) -> None:
        self.what = what
        self.given = given
        self._check = check
        self._takes_reason = False
        self.is_plain = not callable(given)
        """Whether it was given as a value."""
        self.value: _T | None = None
        """The checked value of a plain one."""
        if callable(given):
            self._takes_reason = _has_required_parameter(given)
        else:
            self.value = check(given)

    def evaluate(
        self,
        context: Context,
        reason: Exception | None,
        on_value: Callable[[_T], None],
        on_error: Callable[[PhoenixError], None],
    ) -> abc.DisposableBase:
        """Evaluate it: plain values and functions at once, coroutine functions on the running loop.

        Arguments:
            context: where results that come later are dispatched.
            reason: why the last attempt failed.
            on_value: receives the checked value.
            on_error: receives ``ProviderFailed``, with what the function raised as its cause.

        Returns:
            What abandons the evaluation.
        """
        if self.is_plain:
            on_value(cast("_T", self.value))
            return Disposable()
        function = cast("Callable[..., Any]", self.given)
        try:
            result = function(reason) if self._takes_reason else function()
        except Exception as error:
            on_error(self._failed(error))
            return Disposable()
        if inspect.isawaitable(result):
            return self._wait_for(result, context, on_value, on_error)
        self._hand_over(result, on_value, on_error)
        return Disposable()

    def _hand_over(self, result: Any, on_value: Callable[[_T], None], on_error: Callable[[PhoenixError], None]) -> None:
        try:
            value = self._check(result)
        except (TypeError, ValueError) as error:
            failure = ProviderFailed(self.what, f"returned what cannot be used: {error}")
            failure.__cause__ = error.with_traceback(None)  # its frames knew the value
            on_error(failure)
            return
        on_value(value)

    def _failed(self, error: BaseException) -> ProviderFailed:
        failure = ProviderFailed(self.what, f"raised {type(error).__name__}")
        failure.__cause__ = error
        return failure

    def _wait_for(
        self,
        awaitable: Awaitable[Any],
        context: Context,
        on_value: Callable[[_T], None],
        on_error: Callable[[PhoenixError], None],
    ) -> abc.DisposableBase:
        loop = context.loop
        if loop is None:
            self._step(awaitable, on_value, on_error)
            return Disposable()
        task = tasks.begin(loop, _as_coroutine(awaitable), f"rxphoenix {self.what}")

        def done(finished: asyncio.Task[Any]) -> None:
            if finished.cancelled():
                if not abandoned.is_disposed:
                    ending = finished.cancelling() > 0  # by others: else the function itself raised it
                    error = EventLoopEnding() if ending else self._failed(asyncio.CancelledError())
                    context.dispatcher.run(on_error, error)
                return
            error = finished.exception()
            if abandoned.is_disposed:
                return
            if error is not None:
                context.dispatcher.run(on_error, self._failed(error))
            else:
                context.dispatcher.run(self._hand_over, finished.result(), on_value, on_error)

        def abandon() -> None:
            task.cancel()

        abandoned = Disposable(abandon)
        task.add_done_callback(done)
        return abandoned

    def _step(
        self, awaitable: Awaitable[Any], on_value: Callable[[_T], None], on_error: Callable[[PhoenixError], None]
    ) -> None:
        """Without a loop (in virtual time) run a coroutine that has nothing real to wait for."""
        coroutine = _as_coroutine(awaitable)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            self._hand_over(stop.value, on_value, on_error)
        except RuntimeError as error:
            real = "event loop" in str(error)  # what asyncio says to who waits for something of its own
            failure = ProviderFailed(self.what, _REAL) if real else self._failed(error)
            failure.__cause__ = error
            on_error(failure)
        except Exception as error:
            on_error(self._failed(error))
        else:
            coroutine.close()
            on_error(ProviderFailed(self.what, _REAL))

    def __repr__(self) -> str:
        return f"Provider({self.what!r})"


async def _as_coroutine(awaitable: Awaitable[_T]) -> _T:
    return await awaitable


def _has_required_parameter(function: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some builtins have no signature: they are called without a reason
        return False
    return any(
        parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in parameters
    )
