"""A transport of one's own: a server of three lines that answers everything with ok, on no network at all."""

# pyright: strict

from __future__ import annotations

import reactivex
from reactivex import Observable, abc
from reactivex.disposable import Disposable

from rxphoenix import Frame, JSONSerializer, Socket, Transport
from rxphoenix.transports.base import CloseRequest, ConnectRequest, Opened, TransportEvent


class Echo:
    """Answers each message with its own payload."""

    def connect(self, request: ConnectRequest) -> Observable[TransportEvent]:
        serializer = JSONSerializer()

        def subscribe(
            observer: abc.ObserverBase[TransportEvent], scheduler: abc.SchedulerBase | None = None
        ) -> abc.DisposableBase:
            def send(frame: Frame) -> None:
                message = serializer.decode(frame)
                answer = serializer.encode_payload({"status": "ok", "response": message.payload})
                reply = serializer.encode(message.join_ref, message.ref, message.topic, "phx_reply", answer)
                observer.on_next(reply)

            def close(request: CloseRequest) -> None:
                observer.on_completed()

            observer.on_next(Opened(send))
            request.closing.listen(close)
            return Disposable()

        return reactivex.create(subscribe)


async def main(url: str) -> list[str]:
    transport: Transport = Echo()
    async with Socket(url, transport=transport) as socket:
        response = await socket.channel("anything:at all").push("any event", {"a": [1, 2]})
    return [str(response)]
