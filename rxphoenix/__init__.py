"""Phoenix Channels as reactive streams, on reactivex and aiohttp.

What lives here: the public names, flat. What does not: anything else.

Example:
    ```python
    from reactivex import operators as ops
    from rxphoenix import Socket

    async with Socket("ws://localhost:4000/socket") as socket:
        reading = await socket.channel("sensor:kitchen").on("reading").pipe(ops.first())
        print(reading["celsius"])
    ```
"""

from rxphoenix.loading import loaded_when_needed as _loaded_when_needed

TYPE_CHECKING = False  # as typing has it, whose import would take longer than all else here
if TYPE_CHECKING:
    from rxphoenix.bridges.background import Background, background
    from rxphoenix.bridges.buffer import Overflow
    from rxphoenix.bridges.iterable import from_async_iterable
    from rxphoenix.bridges.iteration import Iteration, iterate
    from rxphoenix.bridges.mapping import map_async
    from rxphoenix.bridges.retrying import retry_backoff
    from rxphoenix.client.channel import Channel
    from rxphoenix.client.channel_state import ChannelStateView
    from rxphoenix.client.context import Fault
    from rxphoenix.client.hold import Hold
    from rxphoenix.client.join_options import PresenceEvents
    from rxphoenix.client.joined import Gap, Joined
    from rxphoenix.client.link import Lease
    from rxphoenix.client.presence import Presence
    from rxphoenix.client.push import Push
    from rxphoenix.client.resume import Resume
    from rxphoenix.client.single import Single
    from rxphoenix.client.socket import Socket
    from rxphoenix.client.subjects import FaultStream, HotStream, StateStream, Stream
    from rxphoenix.errors import (
        BlockedTooLong,
        BufferOverflow,
        ChannelClosed,
        ChannelCrashed,
        ChannelFault,
        ChannelForgotten,
        ConnectionFault,
        ConnectionLost,
        ConnectionRefused,
        ConnectTimeout,
        Disconnected,
        EventLoopEnding,
        HeartbeatTimeout,
        JoinCrashed,
        JoinRefused,
        JoinTimeout,
        MalformedFrame,
        NoEventLoop,
        NotConnected,
        NotJoined,
        PayloadMismatch,
        PhoenixError,
        ProviderFailed,
        PushBufferFull,
        PushFault,
        PushInterrupted,
        PushRefused,
        PushTimeout,
        ReconnectGivenUp,
        RecordingError,
        RejoinGivenUp,
        SocketClosed,
        TakenOver,
        TopicBusy,
        UnencodablePayload,
        WrongThread,
    )
    from rxphoenix.protocol.backoff import Delay, exponential, give_up_on, stepped
    from rxphoenix.protocol.lifecycle import ChannelState, SocketState
    from rxphoenix.protocol.message import Frame, Message, Payload, Reply
    from rxphoenix.protocol.roster import PresenceChange, PresenceSync, Roster
    from rxphoenix.protocol.serializer import JSONSerializer, JSONSerializerV1, Serializer
    from rxphoenix.protocol.snapshot import Meta, PresenceEntry, PresenceSnapshot, PresenceState
    from rxphoenix.recording.record import Recording, record
    from rxphoenix.recording.replay import AS_FAST_AS_POSSIBLE, Replay, replay
    from rxphoenix.recording.script import Mismatch
    from rxphoenix.transports.base import Transport
    from rxphoenix.transports.fallback import Fallback
    from rxphoenix.transports.longpoll import LongPoll
    from rxphoenix.transports.memory import FallbackMemory, FileMemory, InProcessMemory
    from rxphoenix.transports.picows import PicoWebSocket
    from rxphoenix.transports.websocket import WebSocket

__all__ = [
    "AS_FAST_AS_POSSIBLE",
    "Background",
    "BlockedTooLong",
    "BufferOverflow",
    "Channel",
    "ChannelClosed",
    "ChannelCrashed",
    "ChannelFault",
    "ChannelForgotten",
    "ChannelState",
    "ChannelStateView",
    "ConnectTimeout",
    "ConnectionFault",
    "ConnectionLost",
    "ConnectionRefused",
    "Delay",
    "Disconnected",
    "EventLoopEnding",
    "Fallback",
    "FallbackMemory",
    "Fault",
    "FaultStream",
    "FileMemory",
    "Frame",
    "Gap",
    "HeartbeatTimeout",
    "Hold",
    "HotStream",
    "InProcessMemory",
    "Iteration",
    "JSONSerializer",
    "JSONSerializerV1",
    "JoinCrashed",
    "JoinRefused",
    "JoinTimeout",
    "Joined",
    "Lease",
    "LongPoll",
    "MalformedFrame",
    "Message",
    "Meta",
    "Mismatch",
    "NoEventLoop",
    "NotConnected",
    "NotJoined",
    "Overflow",
    "Payload",
    "PayloadMismatch",
    "PhoenixError",
    "PicoWebSocket",
    "Presence",
    "PresenceChange",
    "PresenceEntry",
    "PresenceEvents",
    "PresenceSnapshot",
    "PresenceState",
    "PresenceSync",
    "ProviderFailed",
    "Push",
    "PushBufferFull",
    "PushFault",
    "PushInterrupted",
    "PushRefused",
    "PushTimeout",
    "ReconnectGivenUp",
    "Recording",
    "RecordingError",
    "RejoinGivenUp",
    "Replay",
    "Reply",
    "Resume",
    "Roster",
    "Serializer",
    "Single",
    "Socket",
    "SocketClosed",
    "SocketState",
    "StateStream",
    "Stream",
    "TakenOver",
    "TopicBusy",
    "Transport",
    "UnencodablePayload",
    "WebSocket",
    "WrongThread",
    "background",
    "exponential",
    "from_async_iterable",
    "give_up_on",
    "iterate",
    "map_async",
    "record",
    "replay",
    "retry_backoff",
    "stepped",
]

_MODULES = {
    "rxphoenix.bridges.background": ("Background", "background"),
    "rxphoenix.bridges.buffer": ("Overflow",),
    "rxphoenix.bridges.iterable": ("from_async_iterable",),
    "rxphoenix.bridges.iteration": ("Iteration", "iterate"),
    "rxphoenix.bridges.mapping": ("map_async",),
    "rxphoenix.bridges.retrying": ("retry_backoff",),
    "rxphoenix.client.channel": ("Channel",),
    "rxphoenix.client.channel_state": ("ChannelStateView",),
    "rxphoenix.client.context": ("Fault",),
    "rxphoenix.client.hold": ("Hold",),
    "rxphoenix.client.join_options": ("PresenceEvents",),
    "rxphoenix.client.joined": ("Gap", "Joined"),
    "rxphoenix.client.link": ("Lease",),
    "rxphoenix.client.presence": ("Presence",),
    "rxphoenix.client.push": ("Push",),
    "rxphoenix.client.resume": ("Resume",),
    "rxphoenix.client.single": ("Single",),
    "rxphoenix.client.socket": ("Socket",),
    "rxphoenix.client.subjects": ("FaultStream", "HotStream", "StateStream", "Stream"),
    "rxphoenix.errors": (
        "BlockedTooLong",
        "BufferOverflow",
        "ChannelClosed",
        "ChannelCrashed",
        "ChannelFault",
        "ChannelForgotten",
        "ConnectionFault",
        "ConnectionLost",
        "ConnectionRefused",
        "ConnectTimeout",
        "Disconnected",
        "EventLoopEnding",
        "HeartbeatTimeout",
        "JoinCrashed",
        "JoinRefused",
        "JoinTimeout",
        "MalformedFrame",
        "NoEventLoop",
        "NotConnected",
        "NotJoined",
        "PayloadMismatch",
        "PhoenixError",
        "ProviderFailed",
        "PushBufferFull",
        "PushFault",
        "PushInterrupted",
        "PushRefused",
        "PushTimeout",
        "ReconnectGivenUp",
        "RecordingError",
        "RejoinGivenUp",
        "SocketClosed",
        "TakenOver",
        "TopicBusy",
        "UnencodablePayload",
        "WrongThread",
    ),
    "rxphoenix.protocol.backoff": ("Delay", "exponential", "give_up_on", "stepped"),
    "rxphoenix.protocol.lifecycle": ("ChannelState", "SocketState"),
    "rxphoenix.protocol.message": ("Frame", "Message", "Payload", "Reply"),
    "rxphoenix.protocol.roster": ("PresenceChange", "PresenceSync", "Roster"),
    "rxphoenix.protocol.serializer": ("JSONSerializer", "JSONSerializerV1", "Serializer"),
    "rxphoenix.protocol.snapshot": ("Meta", "PresenceEntry", "PresenceSnapshot", "PresenceState"),
    "rxphoenix.recording.record": ("Recording", "record"),
    "rxphoenix.recording.replay": ("AS_FAST_AS_POSSIBLE", "Replay", "replay"),
    "rxphoenix.recording.script": ("Mismatch",),
    "rxphoenix.transports.base": ("Transport",),
    "rxphoenix.transports.fallback": ("Fallback",),
    "rxphoenix.transports.longpoll": ("LongPoll",),
    "rxphoenix.transports.memory": ("FallbackMemory", "FileMemory", "InProcessMemory"),
    "rxphoenix.transports.picows": ("PicoWebSocket",),
    "rxphoenix.transports.websocket": ("WebSocket",),
}
"""The public names that each module defines: those above, which type checkers and editors read."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = _loaded_when_needed(__name__, _MODULES)
