"""A small Phoenix in Python, for demos, notebooks and tests of clients; not for production.

What lives here: the public names for writing an application and serving it. Ready-made applications are in
``rxphoenix.server.applications``.
"""

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
