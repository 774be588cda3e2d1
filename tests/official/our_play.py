"""rxphoenix plays a scenario, over transports that end at the scripted server."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote_plus, urlsplit

import aiohttp
import msgspec
from multidict import CIMultiDict
from reactivex import Observable, abc
from reactivex.disposable import CompositeDisposable, Disposable

from rxphoenix import (
    Channel,
    ConnectionLost,
    ConnectionRefused,
    Fallback,
    Fault,
    Frame,
    InProcessMemory,
    JoinCrashed,
    Joined,
    JoinRefused,
    JoinTimeout,
    LongPoll,
    Message,
    PhoenixError,
    PresenceEvents,
    PushInterrupted,
    PushRefused,
    PushTimeout,
    Socket,
    TakenOver,
    Transport,
    stepped,
)
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent
from tests.official.play import Play
from tests.official.scenario import (
    Connect,
    Count,
    Disconnect,
    Join,
    JoinAgain,
    Leave,
    Listen,
    Ping,
    Presence,
    Push,
    Reconnect,
    Refuse,
    Release,
    Scenario,
    UserStep,
)
from tests.official.server import Data

__all__ = ["OurPlay"]

ENDPOINT = "ws://phoenix.test/socket"


class OnPurpose(Exception):
    """What is raised where something is to raise."""


class OurPlay(Play):
    """rxphoenix in one scenario.

    Arguments:
        scenario: what happens.
    """

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        options = scenario.options
        more: dict[str, Any] = dict(options.rxphoenix)
        if options.reconnect_after is not None:
            more["reconnect_after"] = stepped(*(each / 1000 for each in options.reconnect_after))
        if options.rejoin_after is not None:
            more["rejoin_after"] = stepped(*(each / 1000 for each in options.rejoin_after))
        self.socket = Socket(
            ENDPOINT,
            transport=self._transport(),
            params=provided(options.params),
            auth_token=provided(options.auth_token),
            timeout=options.timeout / 1000,
            heartbeat_interval=options.heartbeat_interval / 1000,
            scheduler=self.scheduler,
            **more,
        )
        self._connected: abc.DisposableBase = Disposable()
        self._handles: dict[str, _Handle] = {}
        self._raised: list[Exception] = []
        self.socket.errors.subscribe(self._fault)

    def _transport(self) -> Transport:
        websocket, polling = _WebSocket(self), _LongPoll(self)
        options = self.scenario.options
        if options.transport == "fallback":
            memory = InProcessMemory()
            if options.remembered:
                memory.remember(ENDPOINT, 0)
            return Fallback(websocket, polling, after=options.fallback_after / 1000, memory=memory)
        return polling if options.transport == "longpoll" else websocket

    def _fault(self, fault: Fault) -> None:
        if not isinstance(fault.error, PhoenixError | OnPurpose):
            self._raised.append(fault.error)
        elif fault.topic in self._handles:
            self.handle(fault.topic).failed(fault.error)

    def handle(self, name: str) -> _Handle:
        """What is joined under a name, or would be."""
        return self._handles.get(name) or _Handle(self, name, self.socket.channel(name))

    def tell(self, *words: Any) -> None:
        """Note what the user is told."""
        self.trace.tell(self.now, *words)

    def take(self, step: UserStep) -> None:
        """Let the user do something."""
        match step:
            case Connect():
                self._connected, before = self.socket.connect(), self._connected
                before.dispose()
            case Disconnect(code, reason):
                self.socket.disconnect(code, reason)
            case Reconnect():
                self.socket.reconnect()
            case Ping():
                self.socket.ping().subscribe(lambda seconds: self.tell("pong", f"{seconds * 1000:g}"), ignore)
            case Join(topic, params, timeout, name):
                name = name or topic
                seconds = None if timeout is None else timeout / 1000
                channel = self.socket.channel(topic, provided(params), join_timeout=seconds)
                self._handles[name] = _Handle(self, name, channel)
                self._handles[name].join()
            case JoinAgain(name):
                self.handle(name).join()
            case Leave(name, told):
                self.handle(name).leave(told)
            case Release(name):
                self.handle(name).leases.dispose()
            case Push():
                self.handle(step.handle).push(step)
            case Listen(name, event, raises):
                self.handle(name).listen(event, raises)
            case Presence(name, state, diff):
                self.handle(name).watch_presence(PresenceEvents(state, diff))
            case _:
                raise AssertionError(step)

    def end(self) -> None:
        """Close the socket, and let it finish."""
        self.socket.close()
        self.scheduler.advance_by(60.0)
        self.scheduler.loop.close()
        assert self._raised == [], "this file is wrong"


def provided(given: Any) -> Any:
    """What is given for a function counts how often it was called."""
    if not isinstance(given, Count):
        return given
    numbers = itertools.count(1)

    def provide() -> Any:
        number = next(numbers)
        if number == given.raises_at:
            raise OnPurpose
        return str(number) if given.count == "text" else {given.count: number}

    return provide


def ignore(_value: Any = None) -> None:
    """Not what is looked at."""


class _Handle:
    """What a user has of one channel."""

    def __init__(self, play: OurPlay, name: str, channel: Channel) -> None:
        self._play = play
        self._name = name
        self._channel = channel
        self.leases = CompositeDisposable()

    def _tell(self, *words: Any) -> None:
        self._play.tell(self._name, *words)

    def join(self) -> None:
        def got(message: Message) -> None:
            self._tell("got", message.event, message.payload)

        def joined(joined: Joined) -> None:
            self._tell("joined", joined.reply)

        self.leases.add(self._channel.joined.subscribe(joined, ignore))
        self.leases.add(self._channel.subscribe(got, self.failed, lambda: self._tell("closed")))

    def failed(self, error: Exception) -> None:
        match error:
            case JoinRefused(response=response) | JoinCrashed(response=response):
                self._tell("refused", response)
            case JoinTimeout():
                self._tell("timed out")
            case TakenOver():
                self._tell("taken over")
            case _:
                pass

    def leave(self, told: bool) -> None:
        self._channel.leave().subscribe(lambda _: self._tell("left") if told else None)

    def push(self, step: Push) -> None:
        def settled(*words: Any) -> Callable[[Any], None]:
            return lambda value: self._tell(step.event, *words, value)

        def failed(error: Exception) -> None:
            match error:
                case PushRefused(status=status, response=response):
                    self._tell(step.event, status, response)
                case PushTimeout():
                    self._tell(step.event, "timeout")
                case PushInterrupted():
                    self._tell(step.event, "interrupted")
                case _:
                    self._tell(step.event, "failed:", type(error).__name__)

        timeout = None if step.timeout is None else step.timeout / 1000
        payload = step.payload if step.bytes is None else step.bytes
        for _ in range(step.times):
            self._channel.push(step.event, payload, timeout=timeout).subscribe(settled("ok"), failed)

    def listen(self, event: str, raises: bool) -> None:
        def heard(payload: Any) -> None:
            self._tell("heard", event, payload)
            if raises:
                raise OnPurpose

        self.leases.add(self._channel.on(event).subscribe(heard))

    def watch_presence(self, events: PresenceEvents) -> None:
        channel = self._play.socket.channel(self._channel.topic, presence_events=events)
        presence = channel.presence()
        self.leases.add(presence.joins.subscribe(lambda change: self._tell("came", change.key)))
        self.leases.add(presence.leaves.subscribe(lambda change: self._tell("went", change.key)))
        self.leases.add(
            presence.subscribe(
                lambda all: self._tell(
                    "present", {entry.key: {"metas": list(entry.metas), **entry.fields} for entry in all}
                )
            )
        )


class _WebSocket:
    """A transport to the scripted server."""

    def __init__(self, play: OurPlay) -> None:
        self._play = play

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        """Make the cold observable of one connection."""

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            line = _Line(self._play, observer)
            query = unquote_plus(urlsplit(request.address.url("websocket")).query)
            self._play.server.connect(line, query, request.auth_token)
            request.closing.listen(line.close_asked)
            return Disposable(line.drop)

        return Observable(subscribe)


class _Line:
    """One connection of that transport."""

    def __init__(self, play: OurPlay, observer: abc.ObserverBase[TransportEvent]) -> None:
        self._play = play
        self._observer = observer
        self._open = self._over = self._asked = False

    def opened(self) -> None:
        if not self._over:
            self._open = True
            self._observer.on_next(Opened(self._send))

    def _send(self, frame: Frame) -> None:
        if not self._over:
            self._play.server.took(self, frame.data if frame.binary else frame.data.decode())

    def refused(self, refusal: Refuse) -> None:
        self._fail(ConnectionRefused("", status=refusal.status, retry_after=refusal.retry_after))

    def received(self, data: Data) -> None:
        if not self._over:
            frame = Frame(data.encode()) if isinstance(data, str) else Frame(data, binary=True)
            self._observer.on_next(frame)

    def lost(self, code: int, reason: str) -> None:
        self._fail(ConnectionLost(reason, code=code))

    def _fail(self, error: Exception) -> None:
        if not self._over:
            self._over = True
            self._observer.on_error(error)

    def close_asked(self, close: CloseRequest) -> None:
        if self._over:
            return
        self._asked = True
        self._note_end(close)
        takes = self._play.scenario.server.closes_after
        if takes is not None:
            self._play.server.after(takes, self._finish)

    def _note_end(self, close: CloseRequest) -> None:
        if self._open:
            self._play.trace.close(self._play.now, close.code or 1000, close.reason)
        else:
            self._play.trace.drop(self._play.now)

    def _finish(self) -> None:
        if not self._over:
            self._over = True
            self._observer.on_completed()

    def drop(self) -> None:
        if not self._over:
            self._over = True
            if not self._asked:
                self._note_end(CloseRequest())


class _LongPoll(LongPoll):
    """The real long polling, whose requests end at the scripted server."""

    def __init__(self, play: OurPlay) -> None:
        super().__init__()
        self._play = play

    async def ask(
        self, session: aiohttp.ClientSession, method: str, url: str, headers: CIMultiDict[str], body: bytes | None
    ) -> tuple[aiohttp.ClientResponse, bytes]:
        """Do one request."""
        request = _Request(method, urlsplit(url).query, headers, (body or b"").decode())
        try:
            self._play.polling.take(request)
            return await request.response
        finally:
            request.is_over = True


class _Request:
    """One request of that transport."""

    def __init__(self, method: str, query: str, headers: Mapping[str, str], body: str) -> None:
        self.method = method
        self.query = query
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body
        self.is_over = False
        self.response: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answer(self, http: int, body: Mapping[str, Any] | None, headers: Mapping[str, str]) -> None:
        content = b"an error page" if body is None else msgspec.json.encode(body)
        self.response.set_result((SimpleNamespace(status=http, headers=CIMultiDict(headers)), content))
