"""A small Phoenix in Python, for demos, notebooks and tests of clients; not for production.

What lives here: the public names for writing an application and serving it. Ready-made applications are in
``rxphoenix.server.applications``.
"""

from rxphoenix.loading import loaded_when_needed as _loaded_when_needed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from rxphoenix.protocol.message import Reply
    from rxphoenix.server.app import ConnectInfo, Refused, ServerChannel, ServerSocket, UnknownEvent
    from rxphoenix.server.effects import ReplyRef
    from rxphoenix.server.endpoint import Endpoint
    from rxphoenix.server.polling_session import Polling
    from rxphoenix.server.presence import ServerPresence
    from rxphoenix.server.session import Session
    from rxphoenix.server.web import PhoenixServer

__all__ = [
    "ConnectInfo",
    "Endpoint",
    "PhoenixServer",
    "Polling",
    "Refused",
    "Reply",
    "ReplyRef",
    "ServerChannel",
    "ServerPresence",
    "ServerSocket",
    "Session",
    "UnknownEvent",
]

_MODULES = {
    "rxphoenix.protocol.message": ("Reply",),
    "rxphoenix.server.app": ("ConnectInfo", "Refused", "ServerChannel", "ServerSocket", "UnknownEvent"),
    "rxphoenix.server.effects": ("ReplyRef",),
    "rxphoenix.server.endpoint": ("Endpoint",),
    "rxphoenix.server.polling_session": ("Polling",),
    "rxphoenix.server.presence": ("ServerPresence",),
    "rxphoenix.server.session": ("Session",),
    "rxphoenix.server.web": ("PhoenixServer",),
}
"""The public names that each module defines: those above, which type checkers and editors read."""

if not TYPE_CHECKING:
    __getattr__, __dir__ = _loaded_when_needed(__name__, _MODULES)
