"""No secret is shown: everything that goes wrong is made to, and all that could be shown of it is searched.

Searched are what all loggers said from DEBUG on (ours, asyncio's in debug mode with every callback, aiohttp's), the
texts, reprs, attributes and pickles of all errors and of what caused them, their tracebacks with the variables of each
frame of ours, the reprs of all objects of ours, a recording, and what a server heard to whom a redirect led.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import logging
import pickle
import ssl
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType, TracebackType
from typing import Any
from urllib.parse import unquote_plus

import pytest
import trustme

import rxphoenix
from rxphoenix import Fallback, Fault, LongPoll, Message, PhoenixError, Socket, WebSocket, record
from rxphoenix.transports.base import Transport
from tests.transports.peers import accept_websocket, read_head, tcp_server
from tests.transports.scripts import Script, answer, until_gone

PACKAGE = str(Path(rxphoenix.__file__).parent)

TOKEN = "S3CRETtoken"
PASSWORD = "ann:S3CRETpassword"
PROXY = "bob:S3CRETproxy"
SECRETS = {
    "the auth token": TOKEN,
    "a connect param": "S3CRETparam",
    "a header": "S3CRETheader",
    "the query of the endpoint": "S3CRETquery",
    "the password of the endpoint": "S3CRETpassword",
    "a join param": "S3CRETjoin",
    "the token of a session": "S3CRETsession",
    "a cookie": "S3CRETcookie",
    "the password of the proxy": "S3CRETproxy",
}
FORMS = {
    **SECRETS,
    "the auth token in base64": base64.b64encode(TOKEN.encode()).decode().rstrip("="),
    "the password of the endpoint in base64": base64.b64encode(PASSWORD.encode()).decode().rstrip("="),
    "the password of the proxy in base64": base64.b64encode(PROXY.encode()).decode().rstrip("="),
}


def shown_in(text: str | bytes) -> list[str]:
    """Which secrets a text holds."""
    text = text.decode("latin-1") if isinstance(text, bytes) else text
    return [name for name, secret in FORMS.items() if secret in text]


class Log(logging.Handler):
    """All that is logged by anybody, formatted as it would be, with tracebacks."""

    def __init__(self) -> None:
        super().__init__(0)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        formatter = logging.Formatter("%(name)s %(levelname)s %(message)s")
        self.lines.append(formatter.format(record))
        self.lines.append(repr(record.args))


@pytest.fixture
def log() -> Iterator[Log]:
    """All loggers log everything."""
    handler, root = Log(), logging.getLogger()
    names = ["", *(name for name in logging.Logger.manager.loggerDict)]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(1 if name == "" else logging.NOTSET)
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)
    for name, level in before.items():
        logging.getLogger(name).setLevel(level)


def frames_of_ours(error: BaseException) -> Iterator[FrameType]:
    step: TracebackType | None = error.__traceback__
    while step is not None:
        frame = step.tb_frame
        assert "aiohttp" not in frame.f_code.co_filename, "whose frames know addresses"
        if frame.f_code.co_filename.startswith(PACKAGE):
            yield frame
        step = step.tb_next


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that led to it, shown or not."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def leaks_of_error(error: BaseException) -> list[str]:
    """What an error shows, whichever way it is looked at."""
    found: list[str] = []
    for each in chain(error):
        what = type(each).__name__
        shown = [str(each), repr(each), repr(vars(each)), repr(each.args), *traceback.format_exception(each)]
        if isinstance(each, PhoenixError):
            shown.append(pickle.dumps(each).decode("latin-1"))
        found += [f"{what} shows {name}" for text in shown for name in shown_in(text)]
        for frame in frames_of_ours(each):
            for variable, value in frame.f_locals.items():
                names = shown_in(repr(value))
                found += [f"{what}: {frame.f_code.co_qualname}: {variable} shows {name}" for name in names]
    return found


def leaks_of_objects() -> list[str]:
    """What the reprs of all living objects of ours show, but for messages: they are what a user asked for."""
    found: list[str] = []
    gc.collect()
    for each in gc.get_objects():
        if str(type(each).__module__).partition(".")[0] == "rxphoenix" and not isinstance(each, Message):
            with suppress(ReferenceError):
                found += [f"the repr of a {type(each).__name__} shows {name}" for name in shown_in(repr(each))]
    return found


class Story:
    """One client, and what becomes of it."""

    def __init__(self, port: int, transport: Transport, **options: Any) -> None:
        scheme = options.pop("scheme", "ws")
        self.errors: list[BaseException] = []
        self.objects: list[str] = []
        self._folder = TemporaryDirectory()
        self.socket = Socket(
            f"{scheme}://{PASSWORD}@localhost:{port}/socket?key=S3CRETquery",
            transport=transport,
            **{
                "params": {"user": "S3CRETparam"},
                "auth_token": TOKEN,
                "headers": {"X-Key": "S3CRETheader", "Cookie": "id=S3CRETcookie"},
                "connect_timeout": 0.2,
                "timeout": 0.2,
                "heartbeat_interval": 0.1,
            }
            | options,
        )
        self.socket.errors.subscribe(self._fault)
        self.room = self.socket.channel("room:a", {"token": "S3CRETjoin"})

    def _fault(self, fault: Fault) -> None:
        self.errors.append(fault.error)
        self.objects += shown_in(repr(fault))

    async def attempt(self, what: Awaitable[Any]) -> None:
        """Await something that is to fail."""
        try:
            await asyncio.wait_for(asyncio.ensure_future(_awaited(what)), 10)
        except Exception as error:
            self.errors.append(error)

    def look(self) -> None:
        """Look at all objects, now."""
        self.objects += leaks_of_objects()

    async def run(self) -> None:
        """Use it, in all ways that can fail."""
        self.look()
        recording = Path(self._folder.name, "session.jsonl")
        recorded = record(self.socket, recording)
        stream = self.room.subscribe(lambda _: None, self.errors.append)
        with self.socket.connect():
            await self.attempt(self.socket.opened())
            self.look()
            await self.attempt(self.room.push("ask", {"n": 1}))
            await self.attempt(self.socket.ping())
            self.look()
        stream.dispose()
        pending = asyncio.ensure_future(_awaited(self.room.push("ask", {"n": 2})))
        await asyncio.sleep(0)
        self.socket.disconnect(3000, "bye")
        self.socket.close()
        await self.attempt(pending)
        await self.socket.wait_closed()
        recorded.dispose()
        self.look()
        self._read(recording)

    def _read(self, recording: Path) -> None:
        text = recording.read_text()
        assert "connecting" in text
        self.objects += [f"the recording shows {name}" for name in shown_in(text)]
        self._folder.cleanup()


async def _awaited(what: Awaitable[Any]) -> Any:
    return await what


# -- what servers do -------------------------------------------------------------------------------------------------


def http(*data: bytes, reads: int = 1) -> Script:
    """A server that answers the first requests with this, whatever they are."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(reads):
            await read_head(reader)
            for each in data:
                writer.write(each)
                await writer.drain()

    return script


COOKIE = b"Set-Cookie: id=S3CRETcookie; Path=/\r\n"
SESSION = answer(b'{"status":410,"token":"S3CRETsession","messages":[]}', head=COOKIE)


def websocket(then: bytes = b"") -> Script:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_websocket(reader, writer, Set_Cookie="id=S3CRETcookie")
        await reader.readexactly(1)
        writer.write(then)
        await writer.drain()
        if not then:
            await until_gone(reader)

    return script


def polls(then: bytes, *, header: bool = False) -> Script:
    """A server of long polling that opens a session, and answers all that follows with this."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            first, headers = await read_head(reader)
            with suppress(ValueError):
                await reader.readexactly(int(headers.get("content-length", "0")))
            is_open = "token=" in first or "x-phoenix-longpoll-token" in headers
            opening = SESSION.replace(COOKIE, b"Cache-Control: no-store\r\n" + COOKIE) if header else SESSION
            writer.write(then if is_open else opening)
            await writer.drain()

    return script


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await until_gone(reader)


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_head(reader)


ON_BOTH: dict[str, Script] = {
    "refuses": http(answer(b"no", status=b"403 Forbidden", head=COOKIE)),
    "asks for other credentials": http(answer(b"no", status=b"401 Unauthorized", head=b"WWW-Authenticate: Basic\r\n")),
    "crashes": http(answer(b"oops", status=b"500 Oops")),
    "speaks no HTTP": http(b"220 mail.example.com ESMTP\r\n\r\n"),
    "breaks off in its headers": http(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "hangs up": hang_up,
    "says nothing": silence,
    "answers with nonsense": http(answer(b"nonsense", head=COOKIE)),
    "sets a cookie that cannot be": http(answer(b"", status=b"403 No", head=b"Set-Cookie: S3CRETcookie\x01;=\r\n")),
}
ON_WEBSOCKET: dict[str, Script] = {
    "never answers a frame": websocket(),
    "closes": websocket(b"\x88\x02\x03\xe8"),
    "closes with a reason": websocket(b"\x88\x05\x0f\xa0bye"),
    "breaks the protocol": websocket(b"\xff\xff\xff"),
    "sends nonsense": websocket(b"\x81\x03abc"),
}
ON_LONG_POLLING: dict[str, Script] = {
    "never has a message": polls(answer(b'{"status":204}')),
    "has forgotten the session": polls(answer(b'{"status":410,"token":"S3CRETsession"}')),
    "has forgotten the session, by header": polls(answer(b'{"status":410}'), header=True),
    "forbids the session": polls(answer(b'{"status":403}'), header=True),
    "crashes in the session": polls(answer(b"", status=b"500 Oops"), header=True),
    "takes no posts": polls(answer(b"", status=b"413 Too Big")),
    "answers the session with nonsense": polls(answer(b"nonsense")),
    "sends nonsense": polls(answer(b'{"status":200,"messages":["nonsense"]}'), header=True),
    "breaks off": polls(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nx", header=True),
}


def stories() -> Iterator[Any]:
    for name, script in (ON_BOTH | ON_WEBSOCKET).items():
        yield pytest.param(WebSocket(), script, id=f"websocket: {name}")
    for name, script in (ON_BOTH | ON_LONG_POLLING).items():
        yield pytest.param(LongPoll(timeout=0.3), script, id=f"long polling: {name}")
    for name in ("refuses", "hangs up", "crashes in the session"):
        transport = Fallback(WebSocket(), LongPoll(), after=0.1)
        yield pytest.param(transport, (ON_BOTH | ON_LONG_POLLING)[name], id=f"fallback: {name}")


@asynccontextmanager
async def logging_all(log: Log) -> AsyncGenerator[None]:
    """Let asyncio log each callback with all that it is called with."""
    loop = asyncio.get_running_loop()
    before, loop.slow_callback_duration = loop.slow_callback_duration, 0.0
    try:
        yield
    finally:
        loop.slow_callback_duration = before


def nothing_is_shown(log: Log, story: Story, *, failed: bool = True) -> None:
    assert bool(story.errors) is failed
    assert sorted({leak for error in story.errors for leak in leaks_of_error(error)}) == []
    assert sorted(set(story.objects)) == []
    assert sorted({f"{name}: {line[:300]}" for line in log.lines for name in shown_in(line)}) == []
    assert any("asyncio" in line for line in log.lines)


@pytest.mark.parametrize(("transport", "script"), [*stories()])
async def test_whatever_a_server_does_no_secret_is_shown(log: Log, transport: Transport, script: Script):
    async with logging_all(log), tcp_server(script) as port:
        story = Story(port, transport)
        await story.run()
    nothing_is_shown(log, story)


TRANSPORTS: dict[str, Callable[..., Transport]] = {"websocket": WebSocket, "longpoll": LongPoll}


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_where_nobody_listens_no_secret_is_shown(log: Log, kind: str):
    async with tcp_server(silence) as port:
        pass
    async with logging_all(log):
        story = Story(port, TRANSPORTS[kind]())
        await story.run()
    nothing_is_shown(log, story)


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize("moment", ["in the handshake", "in the session"])
@pytest.mark.parametrize("status", [b"302 Found", b"308 Permanent"])
async def test_a_redirect_takes_no_credential_to_another_host(log: Log, kind: str, moment: str, status: bytes):
    elsewhere: list[bytes] = []

    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        elsewhere.append(await reader.read(65536))

    async with logging_all(log), tcp_server(other) as target:
        away = answer(b"", status=status, head=b"Location: http://127.0.0.1:%d/socket\r\n" % target)
        script = polls(away) if moment == "in the session" else http(away)
        async with tcp_server(script) as port:
            story = Story(port, TRANSPORTS[kind]())
            await story.run()
    assert elsewhere == []
    nothing_is_shown(log, story)


@pytest.mark.may_leave("errors", reason="asyncio logs that the client hung up on the server's certificate")
@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_an_unknown_certificate_is_told_no_secret_and_none_is_shown(log: Log, kind: str):
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("localhost").configure_cert(server)
    heard: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(65536))

    async with logging_all(log), tcp_server(script, server) as port:
        story = Story(port, TRANSPORTS[kind](), scheme="wss")
        await story.run()
    assert heard == []
    assert any("TLS failed" in str(error) for error in story.errors)
    nothing_is_shown(log, story)


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize(
    "script", [http(answer(b"", status=b"407 Proxy")), hang_up, silence], ids=["refuses", "hangs up", "says nothing"]
)
async def test_a_proxy_that_fails_shows_no_secret(log: Log, kind: str, script: Script):
    async with logging_all(log), tcp_server(script) as port:
        story = Story(9, TRANSPORTS[kind](proxy=f"http://{PROXY}@localhost:{port}"))
        await story.run()
    nothing_is_shown(log, story)


@pytest.mark.parametrize("kind", TRANSPORTS)
@pytest.mark.parametrize(
    "options",
    [
        {"auth_token": lambda: TOKEN.encode()},
        {"auth_token": lambda: {"token": TOKEN}},
        {"auth_token": lambda: TOKEN + "\r\nX-Evil: 1"},
        {"params": lambda: [("user", "S3CRETparam")]},
        {"params": lambda: {"user": b"S3CRETparam"}},
        {"params": lambda: {"list": [{"user": "S3CRETparam"}]}},
        {"headers": lambda: {"X-Key": b"S3CRETheader"}},
        {"headers": lambda: {"X-Key": "S3CRETheader\r\nX-Evil: 1"}},
        {"headers": lambda: {"X-Key": "S3CRETheader\x00"}},
        {"headers": lambda: "S3CRETheader"},
        {"headers": {"X-Key": "\ud800 S3CRETheader"}},
        {"params": {"user": "\ud800 S3CRETparam"}},
        {"auth_token": "\ud800 " + TOKEN},
    ],
    ids=lambda options: "-".join(options),
)
async def test_what_cannot_be_sent_is_refused_without_being_shown(log: Log, kind: str, options: dict[str, Any]):
    async with logging_all(log), tcp_server(silence) as port:
        story = Story(port, TRANSPORTS[kind](), **options)
        await story.run()
    nothing_is_shown(log, story)


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_what_a_token_function_raises_is_kept_as_the_cause_and_not_logged(log: Log, kind: str):
    def token() -> str:
        raise RuntimeError(f"cannot refresh {TOKEN}")

    async with logging_all(log), tcp_server(silence) as port:
        story = Story(port, TRANSPORTS[kind](), auth_token=token)
        await story.run()
    assert any(TOKEN in str(error.__cause__) for error in story.errors)
    for error in story.errors:
        assert shown_in(f"{error}{error!r}") == []
    assert [line for line in log.lines if shown_in(line)] == []


@pytest.mark.parametrize("kind", TRANSPORTS)
async def test_what_is_in_params_stays_in_params(kind: str):
    nasty = "x&admin=1#frag ?y=/../\r\nX-Evil: 1\r\n\r\nGET /evil HTTP/1.1\r\n\x00é\u2028%0d%0a+"
    heads: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await until_gone(reader)

    async with tcp_server(script) as port:
        params = {"a": nasty, nasty: "b", "nested": {nasty: nasty}, "list": [nasty]}
        async with Socket(f"ws://localhost:{port}/socket", params=params, transport=TRANSPORTS[kind]()) as socket:
            with socket.connect(), suppress(Exception):
                await asyncio.wait_for(socket.opened(), 0.2)
    (head,) = heads
    first, *headers = head.decode("ascii").split("\r\n")
    method, target, version = first.split(" ")
    assert (method, version) == ("GET", "HTTP/1.1")
    path, _, query = target.partition("?")
    assert path == f"/socket/{kind}"
    pairs = [
        (unquote_plus(name), unquote_plus(value)) for name, _, value in (p.partition("=") for p in query.split("&"))
    ]
    assert pairs == [
        ("a", nasty), (nasty, "b"), (f"nested[{nasty}]", nasty), ("list[]", nasty), ("vsn", "2.0.0"),
    ]  # fmt: skip
    assert not any("evil" in line.lower() for line in headers)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"headers": {"X-Key": "S3CRET\r\nX-Evil: 1"}}, "the header 'X-Key' must not contain a line break"),
        ({"headers": {"X-Key": "S3CRET\x00"}}, "the header 'X-Key' must not contain a line break"),
        ({"headers": {"X-Key: 1\r\nX-Evil": "S3CRET"}}, "cannot be the name of a header"),
        ({"headers": {"": "S3CRET"}}, "cannot be the name of a header"),
        ({"auth_token": "S3CRET\n"}, r"the auth token must not contain a line break; strip\(\) it where it is read"),
    ],
)
def test_what_would_break_out_of_a_header_is_refused_at_once(options: dict[str, Any], words: str):
    with pytest.raises(ValueError, match=words) as caught:
        Socket("ws://localhost/socket", **options)
    assert "S3CRET" not in str(caught.value)


def test_what_would_show_a_secret_is_found():
    """The search finds what it is for."""

    class Leaky:
        __module__ = "rxphoenix.leaky"

        shown = TOKEN

        def __repr__(self) -> str:
            return self.shown

    leaky = Leaky()
    found = leaks_of_objects()
    leaky.shown = ""  # it may live on in the memory of a test that has failed
    assert found == ["the repr of a Leaky shows the auth token"]

    def fail() -> None:
        try:
            raise ValueError("x", FORMS["the auth token in base64"])
        except ValueError:
            raise PhoenixError("y")  # noqa: B904

    with pytest.raises(PhoenixError) as caught:
        fail()
    assert {leak.partition(" shows ")[2] for leak in leaks_of_error(caught.value)} == {"the auth token in base64"}
