"""Going offline, and connecting anew.

What lives here: what the two buttons do. What does not: doing it (``Socket.disconnect``, ``Socket.reconnect``).
"""

from __future__ import annotations

import msgspec

from rxphoenix import Socket, SocketState
from rxphoenix.dashboard.instruments.instrument import Instrument, Words

__all__ = ["Connection", "ConnectionLook"]


class ConnectionLook(msgspec.Struct, frozen=True):
    """The connection.

    Arguments:
        endpoint: the address of the socket.
        state: its state.
        ended: whether the socket was closed for good.
    """

    endpoint: str
    state: SocketState
    ended: bool


class Connection(Instrument):
    """Watches the state of a socket, and does what a page tells it.

    That is ``{"do": "disconnect"}`` or ``{"do": "reconnect"}``. The connection is that of everybody who has the socket.

    Arguments:
        socket: the socket.
    """

    def __init__(self, socket: Socket) -> None:
        super().__init__(socket)
        self._socket = socket
        self._state = SocketState.CLOSED
        self._ended = False

    def _watch(self) -> None:
        self._follow(self._socket.state, self._enter, self._end)

    def told(self, words: Words) -> None:
        """Press a button."""
        match words:
            case {"do": "disconnect"}:
                self._socket.disconnect(reason="disconnected on the dashboard")
            case {"do": "reconnect"}:
                self._socket.reconnect()
            case _:
                pass

    def _enter(self, state: SocketState) -> None:
        self._state = state
        self._changed(show=True)

    def _end(self, _error: Exception | None) -> None:
        self._ended = True

    def _look(self) -> ConnectionLook:
        return ConnectionLook(self._socket.endpoint, self._state, self._ended)
