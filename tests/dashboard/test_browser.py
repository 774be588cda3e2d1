"""The dashboard in a real browser: what is seen, what can be pressed, and what survives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import panel
import pytest
import pytest_asyncio
from bokeh.server.views.ico_handler import IcoHandler
from bokeh.server.views.ws import WSHandler
from playwright.async_api import Browser, Locator, Page, Route, expect
from tornado.websocket import WebSocketClosedError

from rxphoenix import Socket
from rxphoenix.dashboard import PageServer, dashboard, message_log, rate_chart, state_timeline
from rxphoenix.server import Endpoint, PhoenixServer, Refused, Reply, ServerChannel, ServerPresence, ServerSocket
from tests.dashboard.browser import PATIENCE, browsers, pages
from tests.notebook.kernels import kernels, run

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.may_leave("threads", reason="asyncio waits on one for Playwright's driver, which ends with the module"),
    pytest.mark.may_leave("timers", reason="Panel has one for some seconds after a page was closed"),
]

expect.set_options(timeout=PATIENCE)


class House:
    """An application on a server, and a socket."""

    def __init__(self) -> None:
        self.endpoint = Endpoint()
        self.presence = ServerPresence(self.endpoint)
        self.endpoint.socket("/socket", lambda: Visitor(self), channels={"room:*": Room})
        self.server = PhoenixServer(self.endpoint)
        self.joined: asyncio.Queue[Room] = asyncio.Queue()
        self.left: asyncio.Queue[str] = asyncio.Queue()
        self.socket: Any = None

    def say(self, body: Any, topic: str = "room:a", event: str = "news") -> None:
        self.endpoint.broadcast(topic, event, {"body": body})


class Visitor(ServerSocket):
    def __init__(self, house: House) -> None:
        self.house = house


class Room(ServerChannel[Visitor]):
    async def join(self, topic: str, params: Any) -> Any:
        if topic == "room:secret":
            return Refused({"reason": "wrong password"})
        self.send_after(0, "joined")
        return {}

    async def handle_info(self, message: Any) -> None:
        if self.topic == "room:present":
            self.push("presence_state", self.socket.house.presence.list(self.topic))
        self.socket.house.joined.put_nowait(self)

    async def handle_in(self, event: Any, payload: Any) -> Reply | None:
        return Reply("ok", {"you said": payload}) if event == "echo" else Reply("error", {"reason": f"no {event}"})

    async def terminate(self, reason: Any) -> None:
        self.socket.house.left.put_nowait(self.topic)


@asynccontextmanager
async def houses() -> AsyncIterator[House]:
    house = House()
    async with house.server:
        house.socket = socket = Socket(house.server.url + "/socket", reconnect_after=lambda attempt, error: 0.05)
        async with socket:
            socket.connect()
            yield house


async def next_join(house: House, topic: str = "room:a") -> Room:
    async with asyncio.timeout(PATIENCE / 1000):
        while True:
            room = await house.joined.get()
            if room.topic == topic:
                return room


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with browsers() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def house() -> AsyncIterator[House]:
    async with houses() as house:
        yield house


def is_none_of_panels(record: logging.LogRecord) -> bool:
    """Whether what asyncio logs is not what Panel leaves where a page closes in the middle of a write.

    It does not look then at what became of the rest: a task of Tornado's that nobody awaits.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, WebSocketClosedError) and "never retrieved" in record.getMessage())


@pytest.fixture(scope="module", autouse=True)
def pages_may_close_in_the_middle_of_a_write() -> Iterator[None]:
    logging.getLogger("asyncio").addFilter(is_none_of_panels)
    yield
    logging.getLogger("asyncio").removeFilter(is_none_of_panels)


@asynccontextmanager
async def shown(browser: Browser, make: Callable[[], Any], **settings: Any) -> AsyncIterator[Page]:
    """A page of its own server, in the browser."""
    async with PageServer(make, port=0) as server, pages(browser, server.url, **settings) as page:
        yield page


def piece(page: Page, kind: str) -> Locator:
    return page.locator(f".card.{kind}")


def rows(page: Page) -> Locator:
    return piece(page, "message_log").locator(".row .text")


async def test_messages_arrive_are_counted_filtered_and_opened(browser: Browser, house: House) -> None:
    room = house.socket.channel("room:a")
    async with shown(browser, lambda: panel.Column(rate_chart(room), message_log(room))) as page:
        await next_join(house)
        for body in ("one", "<b>two</b>", {"deep": [1, None, True]}):
            house.say(body)
        await expect(rows(page)).to_have_text(
            ['{"body":{"deep":[1,null,true]}}', '{"body":"<b>two</b>"}', '{"body":"one"}']
        )
        await expect(piece(page, "rate_chart").locator(".total")).to_have_text("3")

        log = piece(page, "message_log")
        await log.get_by_label("filter").fill("news DEEP")
        await expect(rows(page)).to_have_count(1)
        await expect(log.locator(".figure")).to_have_text("1 of 3 match")
        await rows(page).click()
        await log.get_by_text("[ 3 ]").click()
        await expect(log.locator(".json")).to_contain_text("deep: [ 3 ]0: 11: null2: true")
        await rows(page).click()
        await expect(log.locator(".json")).to_have_count(0)
        await log.get_by_label("filter").fill("")
        await expect(rows(page)).to_have_count(3)

        await log.get_by_role("button", name="Pause").click()
        await expect(log.get_by_role("button", name="Go on")).to_be_visible()
        house.say("four")
        await expect(piece(page, "rate_chart").locator(".total")).to_have_text("4")
        await expect(rows(page)).to_have_count(3)
        await log.get_by_role("button", name="Go on").click()
        await expect(rows(page).first).to_have_text('{"body":"four"}')


async def test_a_push_and_its_reply(browser: Browser, house: House) -> None:
    async with shown(browser, lambda: dashboard(house.socket, house.socket.channel("room:a"))) as page:
        form, reply = piece(page, "push_form"), piece(page, "push_form").locator(".reply")
        await form.get_by_label("event").fill("echo")
        await form.get_by_label("payload").fill('{"n": ')
        await form.get_by_role("button", name="Push").click()
        await expect(form.get_by_role("alert")).to_contain_text("the payload is no JSON")
        await form.get_by_label("payload").fill('{"n": 7}')
        await form.get_by_role("button", name="Push").click()
        await expect(reply.locator(".badge")).to_have_text("ok")
        await expect(reply.locator(".json")).to_contain_text("you said: { 1 }n: 7")
        await expect(form.get_by_role("alert")).to_have_text("")
        await form.get_by_label("event").fill("dance")
        await form.get_by_role("button", name="Push").click()
        await expect(reply.locator(".badge")).to_have_text("error")
        await expect(reply.locator(".json")).to_contain_text('reason: "no dance"')


async def test_disconnect_and_reconnect_and_what_became_of_the_channels(browser: Browser, house: House) -> None:
    channels = [house.socket.channel("room:a"), house.socket.channel("room:secret")]
    async with shown(browser, lambda: dashboard(house.socket, *channels)) as page:
        buttons, table = piece(page, "connection_buttons"), piece(page, "channel_table").locator("tr")
        state, over_time = buttons.locator(".badge"), piece(page, "state_timeline").locator(".figure .badge")
        await expect(table.nth(1)).to_contain_text("joined")
        await expect(table.nth(2)).to_contain_text("wrong password")
        house.say("before")
        await expect(rows(page)).to_have_count(1)  # a refused channel does not end the others
        await buttons.get_by_role("button", name="Disconnect").click()
        await expect(state).to_have_text("closed")
        await expect(over_time).to_have_text("closed")
        await expect(table.nth(1)).to_contain_text("errored")
        await buttons.get_by_role("button", name="Reconnect").click()
        await expect(state).to_have_text("open")
        await expect(table.nth(1)).to_contain_text("joined")
        await expect(piece(page, "round_trip_chart").locator(".figure")).to_contain_text("ms")
        house.say("after")
        await expect(rows(page)).to_have_count(2)


async def test_who_is_present(browser: Browser, house: House) -> None:
    async with shown(browser, lambda: dashboard(house.socket, house.socket.channel("room:present"))) as page:
        present = piece(page, "presence_table")
        room = await next_join(house, "room:present")
        house.presence.track(room, "ann", {"status": "online"})
        await expect(present.locator("td.key")).to_have_text(["ann"])
        await expect(present).to_contain_text('{"status":"online"}')
        house.presence.untrack(room, "ann")
        await expect(present.locator(".badge")).to_have_text(["ann", "ann"])
        await expect(present.locator(".figure")).to_have_text("0 present")


async def test_a_page_lives_through_a_restart_of_phoenix(browser: Browser, house: House) -> None:
    async with shown(browser, lambda: dashboard(house.socket, house.socket.channel("room:a"))) as page:
        await next_join(house)
        house.say("before")
        await expect(rows(page)).to_have_text(['{"body":"before"}'])
        await house.server.stop()
        await expect(piece(page, "connection_buttons").locator(".badge")).not_to_have_text("open")
        await house.server.start()
        await next_join(house)
        house.say("after")
        await expect(rows(page)).to_have_text(['{"body":"after"}', '{"body":"before"}'])


async def test_a_page_comes_back_when_its_own_server_does(browser: Browser, house: House) -> None:
    channel = house.socket.channel("room:a")
    server = PageServer(lambda: dashboard(house.socket, channel), port=0)
    async with server, pages(browser, server.url) as page:
        await piece(page, "message_log").get_by_label("filter").fill("news")
        await next_join(house)
        await server.stop()
        await expect(page.get_by_text("The dashboard is away.")).to_be_visible()
        await server.start()
        await next_join(house)
        await expect(page.get_by_text("The dashboard is away.")).to_have_count(0)
        house.say("again")
        await expect(rows(page)).to_have_text(['{"body":"again"}'])
        await expect(piece(page, "message_log").get_by_label("filter")).to_have_value("news")
        await expect(piece(page, "message_log").locator(".figure")).to_contain_text("match")


async def test_several_pages_are_open_and_the_last_one_closed_leaves(browser: Browser, house: House) -> None:
    make = lambda: panel.Column(state_timeline(house.socket), message_log(house.socket.channel("room:a")))  # noqa: E731
    async with PageServer(make, port=0) as server:
        async with pages(browser, server.url) as first, pages(browser, server.url) as second:
            for page in (first, second):
                await expect(piece(page, "state_timeline").locator(".figure .badge")).to_have_text("open")
            house.say("hello")
            for page in (first, second):
                await expect(rows(page)).to_have_text(['{"body":"hello"}'])
            await piece(first, "message_log").get_by_label("filter").fill("nothing")
            await expect(rows(first)).to_have_count(0)
            await expect(rows(second)).to_have_count(1)
            assert house.joined.qsize() == 1
        async with asyncio.timeout(PATIENCE / 1000):
            assert await house.left.get() == "room:a"


def loads_slowly(meanwhile: Callable[[], Awaitable[object]]) -> Callable[[Page], Awaitable[object]]:
    """A page gets nothing more until something is done."""
    done: list[asyncio.Future[object]] = []

    async def hold(route: Route) -> None:
        if not done:
            done.append(asyncio.ensure_future(meanwhile()))
        await done[0]
        await route.continue_()

    return lambda page: page.route("**/static/**", hold)


async def test_what_a_page_shows_is_there_until_it_has_loaded_and_no_longer_than_it_is_open(
    browser: Browser, house: House
) -> None:
    topics = iter(("room:a", "room:b"))
    async with PageServer(lambda: message_log(house.socket.channel(next(topics))), port=0) as server:

        async def meanwhile() -> None:
            await next_join(house)
            async with pages(browser, server.url) as other:
                await next_join(house, "room:b")
                await expect(piece(other, "message_log")).to_be_visible()
            async with asyncio.timeout(PATIENCE / 1000):
                assert await house.left.get() == "room:b"

        async with pages(browser, server.url, before=loads_slowly(meanwhile)) as page:
            house.say("hello")
            await expect(rows(page)).to_have_text(['{"body":"hello"}'])
            assert house.joined.empty()


async def test_a_page_that_loads_while_its_server_is_restarted_asks_nobody_else(browser: Browser, house: House) -> None:
    server = PageServer(lambda: message_log(house.socket.channel("room:a")), port=0)

    async def meanwhile() -> None:
        await next_join(house)
        await server.stop()
        await server.start()

    async with server, pages(browser, server.url, before=loads_slowly(meanwhile)) as page:
        await next_join(house)
        house.say("hello")
        await expect(rows(page)).to_have_text(['{"body":"hello"}'])


async def test_a_page_that_did_not_get_a_script_begins_anew(browser: Browser, house: House) -> None:
    async def before(page: Page) -> None:
        await page.clock.install()
        await page.route("**/panel.min.js*", lambda route: route.abort(), times=1)

    async with shown(browser, lambda: message_log(house.socket.channel("room:a")), before=before) as page:
        await page.wait_for_function("Bokeh.documents.length > 0")
        await expect(piece(page, "message_log")).to_have_count(0)
        await page.clock.fast_forward(5_000)
        await expect(piece(page, "message_log")).to_be_visible()


async def test_a_page_that_is_shown_when_its_patience_is_at_an_end_stays(
    browser: Browser, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_out_of_patience, is_shown = asyncio.Event(), asyncio.Event()
    opened, answered = cast("Any", WSHandler.open), cast("Any", IcoHandler.get)

    async def open_late(handler: WSHandler) -> None:
        await is_out_of_patience.wait()
        opened(handler)

    async def answer_late(handler: IcoHandler) -> None:
        is_out_of_patience.set()
        await is_shown.wait()
        await answered(handler)

    monkeypatch.setattr(WSHandler, "open", open_late)
    monkeypatch.setattr(IcoHandler, "get", answer_late)

    room = house.socket.channel("room:a")
    async with shown(browser, lambda: message_log(room), before=lambda page: page.clock.install()) as page:
        await next_join(house)
        await page.clock.fast_forward(5_000)
        await expect(piece(page, "message_log")).to_be_visible()
        await page.evaluate("window.isTheSame = true")
        is_shown.set()
        for number in range(3):
            house.say(number)
            await expect(rows(page)).to_have_count(number + 1)
        assert await page.evaluate("window.isTheSame")


async def test_a_flood_is_counted_to_the_last_message_and_a_hundred_are_shown(browser: Browser, house: House) -> None:
    asyncio.get_running_loop().set_debug(False)  # which would take ten times as long
    async with shown(browser, lambda: dashboard(house.socket, house.socket.channel("room:a"))) as page:
        await next_join(house)
        for number in range(10_000):
            house.say(number)
            if number % 500 == 499:
                await asyncio.sleep(0.05)
        await expect(piece(page, "message_log").locator(".matching")).to_have_text("10,000")
        await expect(piece(page, "rate_chart").locator(".total")).to_have_text("10,000")
        await expect(rows(page)).to_have_count(100)
        await expect(rows(page).first).to_have_text('{"body":9999}')


async def test_it_fits_and_is_light_or_dark_as_the_browser_prefers(browser: Browser, house: House) -> None:
    channels = [house.socket.channel("room:a"), house.socket.channel("room:secret")]
    async with shown(browser, lambda: dashboard(house.socket, *channels)) as page:
        await next_join(house)
        house.say("a long word: " + "x" * 500)
        await expect(rows(page)).to_have_count(1)
        colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
        seen: list[list[str]] = []
        for scheme, width in (("light", 1280), ("dark", 390)):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.set_viewport_size({"width": width, "height": 900})
            await expect(rows(page)).to_have_count(1)
            assert await page.evaluate("document.documentElement.scrollWidth") == width
            seen.append(await page.evaluate(colours))
            timeline = await piece(page, "state_timeline").bounding_box()
            form = await piece(page, "push_form").bounding_box()
            assert timeline is not None
            assert form is not None
            # side by side where there is room, and one below the other where there is none
            assert (form["x"] > timeline["x"]) is (scheme == "light")
    assert seen == [["rgb(246, 247, 249)", "rgb(31, 35, 40)"], ["rgb(15, 19, 24)", "rgb(230, 237, 243)"]]


async def test_a_notebook_shows_them_without_asking_elsewhere(browser: Browser, tmp_path: Path) -> None:
    with kernels() as kernel:
        cells = (
            "import panel; panel.extension(inline=True)",
            "import reactivex; from rxphoenix import Message; from rxphoenix.dashboard import message_log",
            "display(message_log(reactivex.subject.BehaviorSubject(Message(None, None, 'room:a', 'news', {'n': 7}))))",
        )
        shown = [data for number, code in enumerate(cells) for _, data in run(kernel, str(number), code)]
    page_of = "\n".join(
        f"<script>{data['application/javascript']}</script>"
        if "application/javascript" in data
        else data.get("text/html", "")
        for data in shown
    )
    (tmp_path / "notebook.html").write_text(f"<!doctype html><meta charset=utf-8><body>{page_of}", "utf-8")
    async with pages(browser, (tmp_path / "notebook.html").as_uri()) as page:
        await expect(rows(page)).to_have_text(['{"n":7}'])
        await expect(piece(page, "message_log").locator(".figure")).to_have_text("1 in all")


async def test_a_machine_without_a_browser_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(pytest.skip.Exception, match="apt-get install chromium"):
        async with browsers():
            pass
