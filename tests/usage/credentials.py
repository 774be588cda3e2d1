"""Params, token and headers as values, functions and coroutine functions, told why the last attempt failed."""

# pyright: strict

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from rxphoenix import ConnectTimeout, JoinRefused, ProviderFailed, Socket


def user() -> Mapping[str, Any]:
    return {"user": "bob"}


async def token() -> str | None:
    await asyncio.sleep(0)
    return "secret"


def headers(failure: Exception | None) -> dict[str, str]:
    return {"X-Retry": "no" if failure is None else type(failure).__name__}


async def user_after(failure: Exception | None) -> dict[str, str]:
    await asyncio.sleep(0)
    return {"user": "carl" if failure is None else "dora"}


def broken() -> dict[str, str]:
    raise LookupError("no user is logged in")


async def main(url: str) -> list[str]:
    seen: list[str] = []
    for params in ({"user": "ann"}, user, user_after, lambda: {"user": "eve"}):
        async with (
            Socket(url, params=params, auth_token=token, headers=headers) as socket,
            socket.channel("room:tea").hold() as reply,
        ):
            seen.append(str(reply["user"]))

    async with Socket(url, params=broken) as socket:
        try:
            await socket.opened()
        except (ProviderFailed, ConnectTimeout) as error:
            seen.append(f"{error}: {error.__cause__}")

    async def password() -> dict[str, str]:
        return {"password": "guess"}

    async with Socket(url) as socket:
        try:
            async with socket.channel("room:secret", password).hold():
                pass
        except JoinRefused as error:
            seen.append(str(error))
    return seen
