"""What a real Phoenix was recorded to answer over long polling, replayed: in virtual time, and over HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from rxphoenix.server import PhoenixServer, Polling
from rxphoenix.server.applications.conformance import conformance_application
from tests.server.longpoll_transcript import Asks, IsAnswered, Section, Visits, Waits, meaning, sections
from tests.server.virtual import VirtualServer
from tests.server.virtual_longpoll import Request, VirtualLongPolling

PATIENCE = 20.0

SECTIONS = sections()
OVER_HTTP = [section for section in SECTIONS if not section.title.startswith("Short")]
"""Without what is a matter of tenths of a second, which only virtual time can keep apart."""


def named(section: Section) -> str:
    return section.title


@pytest.mark.parametrize("section", SECTIONS, ids=named)
def test_long_polling_answers_in_virtual_time_as_recorded(section: Section):
    server = VirtualServer()
    polling = VirtualLongPolling(server)
    requests: dict[str, Request] = {}
    opened: dict[str, str] = {}
    tokens: dict[str, str] = {}
    asked: dict[str, Asks] = {}

    def run(deadline: float) -> bool:
        alive = server.clock.run_next(deadline)
        polling.settle()
        return alive

    for step in section.steps:
        match step:
            case Asks(name, method, session, target, _, headers, body):
                path, _, query = (target if session is None else opened[session]).partition("?")
                token = None if session is None else tokens[session]
                requests[name], asked[name] = polling.ask(method, path, query, token, headers, body), step
            case IsAnswered(name, http_status, status, seconds, opens, messages):
                request = requests.pop(name)
                while request.answer is None:
                    assert run(request.begun + 60), f"never answered: {asked[name]}"
                answer = request.answer
                assert (answer.http_status, answer.status) == (http_status, status)
                assert answer.at - request.begun == pytest.approx(seconds, abs=1e-9)
                assert [meaning(message) for message in answer.messages] == messages
                if opens is not None:
                    assert answer.token is not None
                    assert answer.token not in tokens.values()
                    tokens[opens] = answer.token
                    session = asked[name].session
                    opened[opens] = asked[name].target if session is None else opened[session]
            case Waits(seconds):
                deadline = server.clock.now + seconds
                while run(deadline):
                    pass
            case Visits(path):
                server.visit(path)
    assert not requests


@pytest.mark.parametrize("section", OVER_HTTP, ids=named)
async def test_long_polling_answers_over_http_as_recorded(section: Section):
    # a window that runs out here is a short one: virtual time is where seconds are compared
    runs_out = any(isinstance(step, IsAnswered) and step.seconds == 10 for step in section.steps)
    application = conformance_application(longpoll=Polling(window=0.3 if runs_out else 10, patience=0.1))
    async with (
        PhoenixServer(application) as server,
        aiohttp.ClientSession(headers={"User-Agent": "recorder"}) as client,
        asyncio.timeout(PATIENCE),
    ):
        base = server.url.replace("ws:", "http:")
        requests: dict[str, asyncio.Task[tuple[int, Any]]] = {}
        asked: dict[str, Asks] = {}
        opened: dict[str, str] = {}
        tokens: dict[str, str] = {}

        async def ask(step: Asks) -> tuple[int, Any]:
            target, headers = step.target, step.headers
            if step.session is not None:
                target, token = opened[step.session], tokens[step.session]
                if step.by_header:
                    headers = {**headers, "x-phoenix-longpoll-token": token}
                else:
                    target = f"{target}&token={token}"
            path, _, query = target.partition("?")
            url = f"{base}{path}/longpoll?{query}"
            async with client.request(step.method, url, headers=headers, data=step.body) as response:
                return response.status, await response.json()

        for step in section.steps:
            match step:
                case Asks(name):
                    requests[name], asked[name] = asyncio.create_task(ask(step)), step
                case IsAnswered(name, http_status, status, _, opens, messages):
                    got_status, body = await requests.pop(name)
                    assert (got_status, body.get("status")) == (http_status, status)
                    assert [meaning(message) for message in body.get("messages", [])] == messages
                    if http_status != 200:
                        assert body == {"error": f"{http_status}.json"}
                    if opens is not None:
                        assert body["token"] not in tokens.values()
                        tokens[opens] = body["token"]
                        session = asked[name].session
                        opened[opens] = asked[name].target if session is None else opened[session]
                case Waits(seconds):
                    await asyncio.sleep(seconds)
                case Visits(path):
                    async with client.get(base + path) as response:
                        assert response.status == 200
        assert not requests
