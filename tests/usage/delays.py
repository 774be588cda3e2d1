"""Delays of one's own: plain functions of the attempt and the error, and the ready-made ones."""

# pyright: strict

from __future__ import annotations

from typing import assert_type

from rxphoenix import (
    ConnectionRefused,
    Delay,
    JoinRefused,
    ReconnectGivenUp,
    Socket,
    exponential,
    give_up_on,
    stepped,
)


def patient(attempt: int, error: Exception) -> float | None:
    """Wait longer each time, but not for a door that does not exist."""
    if isinstance(error, ConnectionRefused):
        assert_type(error.status, int | None)
        assert_type(error.retry_after, float | None)
        if error.status == 404:
            return None
    return 0.01 * attempt


async def main(url: str) -> list[str]:
    seen: list[str] = []
    assert_type(stepped(1, 2), Delay)
    assert_type(exponential(0.1, jitter=0.5), Delay)
    assert_type(give_up_on(404, otherwise=patient), Delay)

    async with Socket(url + "/nowhere", reconnect_after=patient) as lost:
        try:
            await lost.channel("room:tea").push("echo")
        except ReconnectGivenUp as error:
            seen.append(f"gave up: {error.__cause__}")

    async with Socket(url, reconnect_after=exponential(0.01), retry_refused=stepped(0.01)) as socket:
        tries = 0

        def password() -> dict[str, str]:
            nonlocal tries
            tries += 1
            return {"password": "sesame" if tries > 2 else "guess"}

        async with socket.channel("room:secret", password).hold():
            seen.append(f"in after {tries} tries")
        try:
            async with socket.channel("room:secret", {"password": "guess"}, retry_refused=lambda _, __: None).hold():
                seen.append("not reached")
        except JoinRefused as error:
            seen.append(f"refused at attempt {error.attempt}")
    return seen
