"""``rxphoenix serve``: an application of the embedded server on a port, until somebody ends it.

What lives here: starting, telling how to use it, ending. What does not: the applications.
"""

from __future__ import annotations

import errno
import logging
import sys
from collections.abc import Callable

import msgspec

from rxphoenix.cli.console import Console
from rxphoenix.cli.signals import signals
from rxphoenix.cli.statuses import ENDED, FAILED
from rxphoenix.server import Endpoint, PhoenixServer
from rxphoenix.server.applications.conformance import conformance_application
from rxphoenix.server.applications.demo import demo_application

__all__ = ["APPLICATIONS", "Application", "serve", "serve_endpoint", "why_not_listening"]


class Application(msgspec.Struct, frozen=True):
    """Something to serve, and how to try it.

    Arguments:
        make: makes the endpoint.
        places: paths, and what is there.
        trial: the last line of a program that uses it; the one before makes ``socket``.
    """

    make: Callable[[], Endpoint]
    places: dict[str, str]
    trial: str


APPLICATIONS = {
    "demo": Application(
        demo_application,
        {"/socket": 'room:* with presence (room:lobby has visitors, room:secret the password "sesame"), sensor:*'},
        'subscription = socket.channel("room:lobby").on("new_msg").subscribe(print)',
    ),
    "conformance": Application(
        conformance_application,
        {
            "/socket": "room:*, exact",
            "/auth": "the same, and takes an auth token",
            "/short": "room:*, with tight limits: 3 channels, frames of 64 KiB, 1.5 s idle",
        },
        'print(await socket.channel("room:any").push("echo", {"body": "hello"}))',
    ),
}
"""What can be served, by name."""


async def serve(name: str, host: str, port: int) -> int:
    """Serve until SIGINT or SIGTERM.

    Arguments:
        name: which of ``APPLICATIONS``.
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one.

    Returns:
        The exit status.
    """
    application = APPLICATIONS[name]
    return await serve_endpoint(application.make(), host, port, lambda url: _words(name, application, url))


async def serve_endpoint(endpoint: Endpoint, host: str, port: int, words: Callable[[str], str]) -> int:
    """Serve an endpoint until SIGINT or SIGTERM.

    Arguments:
        endpoint: the endpoint.
        host: the address to listen on.
        port: the port to listen on; 0 picks a free one.
        words: what is told of it, given the server's URL.

    Returns:
        The exit status.
    """
    logging.basicConfig(format="%(asctime)s %(name)s: %(message)s")
    console = Console()
    server = PhoenixServer(endpoint, host, port)
    with signals() as ended:
        try:
            await server.start()
        except OSError as error:
            print(f"rxphoenix: {why_not_listening(error, host, port)}", file=sys.stderr)
            return FAILED
        try:
            console.text(words(server.url))
            await ended.wait()
        finally:
            await server.stop()
    console.text("\nrxphoenix: stopped")
    return ENDED


def why_not_listening(error: OSError, host: str, port: int) -> str:
    """Why a port cannot be listened on, and what helps."""
    if error.errno == errno.EADDRINUSE:
        return f"port {port} on {host} is taken; choose another one with --port, or --port 0 for any free one"
    return f"cannot listen on {host}, port {port}: {error.strerror or error}"


def _words(name: str, application: Application, url: str) -> str:
    width = max(len(path) for path in application.places)
    places = "\n".join(f"  {url}{path:<{width}}  {topics}" for path, topics in application.places.items())
    return f"""\
The {name} application is served here until Ctrl-C:

{places}

Try it in another terminal. Start `python -m asyncio`, and paste:

  from rxphoenix import Socket
  socket = Socket("{url}/socket")
  {application.trial}
"""
