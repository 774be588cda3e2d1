"""Long polling, by aiohttp: a connection made of requests, for networks that let no WebSocket through.

```text
poll:   GET-----200 GET-------204 GET----200 GET--     one at a time, each waits for messages
post:   --POST-200------POST-200-POST-200--------      one at a time, what is sent meanwhile goes with the next
```

Nothing is sent twice. A request that was perhaps heard is not repeated, whatever its method: the answer to a poll may
hold messages that no other answer will have. So one that fails ends the session, and the client connects anew.

A server that is busy with a slow join cannot say so. To a poll it answers as if the session were gone, while the post
of the join is unanswered: then the same session is asked again later. To the post it answers 408, when its window is
over: a frame that was posted alone was taken all the same, and the session goes on; of several, those behind the slow
one are dropped, so the session ends, and from then on this socket posts one frame at a time. So it does, too, after a
post of several frames that was not answered in time.

A server drops a session that nobody polls, from 15 s on. So while reading is held back it is polled every 10 s; what
that brings waits unread.

What lives here: one session at a time. What does not: how frames are written into bodies (``protocol/polling.py``),
and when to connect again.

Source: the "Long polling" part of the protocol page.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections import deque
from datetime import datetime, timedelta
from typing import cast

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from reactivex import Observable, abc

from rxphoenix import tasks
from rxphoenix.errors import ConnectionFault, ConnectionLost, ConnectionRefused, MalformedFrame
from rxphoenix.protocol.address import AUTH_TOKEN_HEADER, SESSION_TOKEN_HEADER
from rxphoenix.protocol.message import Frame
from rxphoenix.protocol.polling import MOST_FRAMES, Answer, Batch, read_answer, take_batch
from rxphoenix.transports.base import Callbacks, CloseRequest, ConnectRequest, Opened, TransportEvent
from rxphoenix.transports.carrier import MAX_UNSENT_SIZE, Carrier, carried, check_size
from rxphoenix.transports.http import http_attempt, refusal, without_address
from rxphoenix.transports.once import HttpAttempt
from rxphoenix.transports.waiting import call_after, check_seconds, pause, time_limit

__all__ = ["LongPoll"]

_KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept: less than the 5 s after which the first servers hang up, Cowboy for one."""

_USUAL_WINDOW = 10.0
"""Seconds after which a server answers a poll though it has nothing to tell, unless it is told otherwise."""

_PATIENCE = 10.0
"""Seconds after a 408 in which a session that seems to be gone may still be busy; it dies soon after."""

_BETWEEN = 1.0
"""Seconds between polls meanwhile."""

_POLL_WHILE_HELD = 10.0
"""Seconds from the start of one poll to the next while reading is held back."""

_AT_ONCE = timedelta(seconds=1)
_HASTY = timedelta(milliseconds=50)
_FREE = 3
_RESPITE = 0.1
"""Seconds by which the time between polls grows, after some, while they are answered at once with nothing."""

_IN_ONE_GO = 100
"""How many messages of one answer are handed on before others get their turn."""

_TOO_BIG = 1009


class LongPoll:
    """Connect by long polling: HTTP requests only, so that it passes where a WebSocket does not.

    All that works on a WebSocket works here, with more delay. What the protocol cannot do:

    - Binary messages from the server arrive only if they happen to be UTF-8; another ends the session.
    - Nobody tells the server that a session is over: it notices 15 to 30 s later. Channels are left at once.
    - A join that takes longer than the server's window (10 s) and some 10 s more is lost.

    Arguments:
        timeout: seconds that a request may take; longer than the server's window, which is 10 s by default.
        max_answer_size: bytes that an answer from the server may have; a bigger one ends the session.
        max_unsent_size: bytes of frames that may wait for a server that takes none; more end the session.
        ssl: an ``ssl.SSLContext``, for example with a certificate authority of your own; ``False`` verifies nothing.
        proxy: the URL of an HTTP proxy.
        trust_env: whether to take proxies from the environment (``HTTPS_PROXY`` and its like).

    With ``Socket(session=...)`` proxies, cookies and TLS are the session's business, where they are not said here, and
    so is how long connections are kept; it needs two connections to the server at once.

    Raises:
        TypeError, ValueError: a number is none, or out of its range.

    Example:
        ```python
        from rxphoenix import LongPoll, Socket

        socket = Socket("wss://example.com/socket", transport=LongPoll())
        ```
    """

    def __init__(
        self,
        *,
        timeout: float = 20.0,
        max_answer_size: int = 64 * 1024 * 1024,
        max_unsent_size: int = MAX_UNSENT_SIZE,
        ssl: ssl_module.SSLContext | bool = True,
        proxy: str | None = None,
        trust_env: bool = False,
    ) -> None:
        self.timeout = check_seconds("timeout", timeout)
        self.trust_env = trust_env
        self.max_unsent_size = check_size("max_unsent_size", max_unsent_size)
        self._max_answer_size = check_size("max_answer_size", max_answer_size)
        self._ssl = ssl
        self._proxy = proxy

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one session."""
        return carried(lambda observer: _Session(self, request, observer), "rxphoenix longpoll")

    async def ask(
        self, session: aiohttp.ClientSession, method: str, url: str, headers: CIMultiDict[str], body: bytes | None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Do one request, once; returns the answer and its body."""
        async with session.request(
            method,
            url,
            data=body,
            headers=headers,
            allow_redirects=False,
            raise_for_status=False,
            ssl=self._ssl,
            proxy=self._proxy,
            timeout=aiohttp.ClientTimeout(total=None),
        ) as response:
            read = bytearray()
            async for chunk in response.content.iter_any():
                read += chunk
                if len(read) > self._max_answer_size:
                    raise ConnectionLost("the answer is too big", code=_TOO_BIG)
            return response, bytes(read)


class _Lessons:
    """What the earlier sessions of a socket have taught."""

    def __init__(self) -> None:
        self.header_is_ignored = False
        self.connections_die = False
        self.frames_at_once = MOST_FRAMES


class _Session(Carrier):
    """One session, run by one task, and two more: one polls, one posts."""

    def __init__(self, transport: LongPoll, request: ConnectRequest, observer: Callbacks) -> None:
        super().__init__(request, observer, transport.max_unsent_size)
        self._transport = transport
        self._lessons = cast("_Lessons", request.memory.setdefault(LongPoll, _Lessons()))
        self._http: HttpAttempt | None = None
        self._deadline: abc.DisposableBase | None = None
        self._poller: asyncio.Task[ConnectionFault] | None = None
        self._token: str | None = None
        self._by_header = False
        self._header_works = False
        self._hasty = 0
        self._outgoing: deque[Frame] = deque()
        self._wake = asyncio.Event()
        self._unread: deque[Frame] = deque()
        self._all_read = asyncio.Event()
        self._reading: asyncio.Handle | None = None
        self._posts_begun = self._posts_answered = 0
        self._post_answered = asyncio.Event()
        self._is_doubtful = False
        """Set after a 408, until a later poll is answered: whether the session lives is not known."""
        self._patience: abc.DisposableBase | None = None

    # -- beginning and end ---------------------------------------------------------------------------------------

    def _send(self, frame: Frame) -> None:
        # an empty body would kill the session
        if frame.data and not self._over and not self._asked and self._has_room(frame):
            self._outgoing.append(frame)
            self._wake.set()

    def _flush_and_close(self, close: CloseRequest) -> None:
        assert self._task is not None and self._poller is not None
        self._poller.cancel()
        self._wake.set()
        self._deadline = call_after(self._request.scheduler, close.grace, self._stop_closing)

    def _ended(self) -> None:
        for timer in (self._deadline, self._patience):
            if timer is not None:
                timer.dispose()

    async def run(self) -> ConnectionFault:
        """Open a session and carry frames; returns why it ended."""
        try:
            async with http_attempt(
                self._request,
                trust_env=self._transport.trust_env,
                keep_alive=None if self._lessons.connections_die else _KEEP_ALIVE,
            ) as self._http:
                await self._begin()
                self._open = True
                return await self._carry()
        except ConnectionFault as error:
            return error

    async def _begin(self) -> None:
        headers = self._headers()
        if self._request.auth_token is not None:
            headers[AUTH_TOKEN_HEADER] = self._request.auth_token
        answer, received = await self._exchange("GET", None, headers)
        if answer.status != 410 or answer.token is None:
            raise refusal(answer.status, received)
        self._token = answer.token
        # servers have learnt both at once: to read the header, and to forbid caches, since URLs are all alike then
        self._by_header = received.getall("Cache-Control", []) == ["no-store"] and not self._lessons.header_is_ignored

    async def _carry(self) -> ConnectionFault:
        loop = asyncio.get_running_loop()
        poller = self._poller = tasks.begin(loop, self._poll(), "rxphoenix longpoll poller")
        poster = tasks.begin(loop, self._post(), "rxphoenix longpoll poster")
        try:
            self._observer.on_next(Opened(self._send, needs_heartbeat=False, hold_back=self.hold_back))
            await asyncio.wait((poller, poster), return_when=asyncio.FIRST_COMPLETED)
            while self._unread:  # what came before the end comes before it
                self._all_read.clear()
                await self._all_read.wait()
            if self._asked:
                return await poster  # it flushes
            return poster.result() if poster.done() else poller.result()
        finally:
            self._over = True
            poller.cancel()
            poster.cancel()
            await asyncio.wait((poller, poster))

    # -- polling -------------------------------------------------------------------------------------------------

    async def _poll(self) -> ConnectionFault:
        while True:
            posts, by_header, was_doubtful = self._posts_answered, self._by_header, self._is_doubtful
            began = self._request.scheduler.now
            answer = await self._ask("GET", by_header)
            if answer.status in (200, 204):
                self._token = answer.token or self._token
                if was_doubtful:  # a poll that began before can run out by itself, and tells nothing
                    self._believe()
                self._unread.extend(answer.frames())
                self._read_on()
                if self._asked:  # by an observer
                    return ConnectionLost("it was closed")
                await self._read_up_to(began)
                await self._rest(answer, began)
            elif answer.status not in (403, 410):
                return ConnectionLost(f"a poll was answered with the status {answer.status}")
            elif self._posts_begun > posts:
                while self._posts_begun > self._posts_answered:
                    self._post_answered.clear()
                    await self._post_answered.wait()
            elif self._patience is not None:
                await pause(self._request.scheduler, _BETWEEN)
            elif not self._ignores(by_header):
                return ConnectionLost("the session is gone")

    async def _rest(self, answer: Answer, began: datetime) -> None:
        """Let a while pass before the next poll, if the server answers polls at once and has nothing to say."""
        if answer.messages or self._request.scheduler.now - began > _HASTY:
            self._hasty = 0
            return
        self._hasty += 1
        if self._hasty > _FREE:
            await pause(self._request.scheduler, min((self._hasty - _FREE) * _RESPITE, _BETWEEN))

    def hold_back(self, held: bool) -> None:
        """Emit no frame and poll as seldom as may be, or read on."""
        super().hold_back(held)
        if not self._held:
            self._read_soon()

    def _read_soon(self) -> None:
        if self._reading is None and self._unread and not self._over:
            self._reading = asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        """Emit what is unread, up to where reading is held back."""
        self._reading = None
        for _ in range(_IN_ONE_GO):
            if not self._unread or self._held or self._asked:
                break
            self._observer.on_next(self._unread.popleft())
        if self._asked:
            self._unread.clear()
        if not self._unread:
            self._all_read.set()
        elif not self._held:
            self._read_soon()

    async def _read_up_to(self, began: datetime) -> None:
        """Wait until all is read, or until the session needs to be polled again.

        Arguments:
            began: when the last poll began.
        """
        if not self._unread:
            return
        self._all_read.clear()
        due = _POLL_WHILE_HELD - (self._request.scheduler.now - began).total_seconds()
        if due > 0:
            timer = call_after(self._request.scheduler, due, self._all_read.set)
            try:
                await self._all_read.wait()
            finally:
                timer.dispose()

    def _doubt(self) -> None:
        """The session may be busy for a while yet: what seems gone is asked again, and what is sent waits."""
        self._is_doubtful = True
        self._patience = call_after(self._request.scheduler, _PATIENCE, self._be_impatient)

    def _be_impatient(self) -> None:
        if self._patience is not None:
            self._patience.dispose()
            self._patience = None

    def _believe(self) -> None:
        self._is_doubtful = False
        self._be_impatient()
        self._wake.set()

    def _ignores(self, by_header: bool) -> bool:
        """Whether the server knew of no session because it does not read the header; the query is used from now on."""
        if not by_header or self._header_works:
            return False
        self._by_header = False
        self._lessons.header_is_ignored = True
        return True

    # -- posting -------------------------------------------------------------------------------------------------

    async def _post(self) -> ConnectionFault:
        while True:
            while not self._outgoing or self._is_doubtful:
                if self._asked:  # nobody polls any more who could tell whether it lives
                    break
                self._wake.clear()
                await self._wake.wait()
            if not self._outgoing:
                return ConnectionLost("it was closed")
            batch = take_batch(self._outgoing, self._lessons.frames_at_once)
            self._unsent_size -= batch.size
            self._posts_begun += 1
            try:
                fault = await self._deliver(batch)
            finally:
                self._posts_answered += 1
                self._post_answered.set()
            if fault is not None:
                return fault

    async def _deliver(self, batch: Batch) -> ConnectionFault | None:
        while True:
            by_header = self._by_header
            status = (await self._ask("POST", by_header, batch)).status
            if status == 200:
                return None
            if status == 408 and batch.count == 1:
                self._doubt()
                return None
            if status == 408:
                self._lessons.frames_at_once = 1
                return ConnectionLost("the server took longer for a frame than its window, and dropped those behind it")
            if status != 410:
                return ConnectionLost(f"a post was answered with the status {status}")
            if not self._ignores(by_header):
                return ConnectionLost("the session is gone")
            # the frames were not taken: the server knew of no session that could have

    # -- requests ------------------------------------------------------------------------------------------------

    def _headers(self) -> CIMultiDict[str]:
        headers = CIMultiDict(self._request.headers)
        headers["Accept"] = "application/json"
        return headers

    async def _ask(self, method: str, by_header: bool, batch: Batch | None = None) -> Answer:
        """Do one request of the session."""
        assert self._token is not None
        headers = self._headers()
        if by_header:
            headers[SESSION_TOKEN_HEADER] = self._token
        if batch is not None:
            headers["Content-Type"] = batch.content_type
        answer, _ = await self._exchange(method, None if by_header else self._token, headers, batch)
        if by_header and answer.status in (200, 204, 408):
            self._header_works = True
        return answer

    async def _exchange(
        self, method: str, token: str | None, headers: CIMultiDict[str], batch: Batch | None = None
    ) -> tuple[Answer, CIMultiDictProxy[str]]:
        """Do one request; returns what the answer says, and its headers."""
        assert self._http is not None
        transport, address = self._transport, self._request.address
        request, began = self._http.one_request(), self._request.scheduler.now
        try:
            url = address.url("longpoll") if self._token is None else address.session_url(token)
            body = None if batch is None else batch.body
            async with time_limit(self._request.scheduler, transport.timeout):
                with request:
                    response, read = await transport.ask(self._http.session, method, url, headers, body)
            if response.status == 200:
                return read_answer(read), response.headers
            fault = self._failed(method, response)
        except ConnectionFault as error:
            fault = error
        except MalformedFrame as error:
            fault = self._fault(str(error))
        except TimeoutError:
            fault = self._fault(self._no_answer(method))
            if batch is not None and batch.count > 1:  # it may have been slow joins, and will be again
                self._lessons.frames_at_once = 1
        except Exception as error:  # whatever it is, its words may hold an address
            fault = self._fault(without_address(error))
            if request.reused and self._request.scheduler.now - began < _AT_ONCE:
                self._lessons.connections_die = True  # something on the way closes them and does not say so
        raise fault  # here, so that no __context__ leads to an error that shows the address

    def _no_answer(self, method: str) -> str:
        words = f"no answer within {self._transport.timeout:g} s"
        if method == "GET" and self._token is not None and self._transport.timeout <= _USUAL_WINDOW:
            words += f", but servers answer a poll after {_USUAL_WINDOW:g} s if they are not told otherwise"
        return words

    def _fault(self, words: str) -> ConnectionFault:
        return ConnectionRefused(words) if self._token is None else ConnectionLost(words)

    def _failed(self, method: str, response: aiohttp.ClientResponse) -> ConnectionFault:
        """The error for an answer that is a real one of HTTP."""
        status = response.status
        if 300 <= status < 400:
            words = "redirects are not followed; give the final address"
            return (
                ConnectionRefused(words, status=status) if self._token is None else ConnectionLost(words, status=status)
            )
        if self._token is None:
            return refusal(status, response.headers)
        return ConnectionLost(_WORDS.get((method, status), ""), status=status)


_WORDS = {
    ("GET", 500): "the server failed to answer a poll, as it does for a binary message that is not UTF-8",
    ("POST", 400): "the server did not take what was posted; it reads some 8 MB at once",
    ("POST", 413): "the server did not take what was posted, it is too big",
    ("POST", 500): "the server failed on what was posted",
}
