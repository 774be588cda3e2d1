"""The seam: asking for an end, and what a request shows of itself."""

from __future__ import annotations

import reactivex
from reactivex.testing import TestScheduler

from rxphoenix.protocol.address import Address, parse_endpoint
from rxphoenix.protocol.message import Frame
from rxphoenix.transports.base import CloseRequest, Closing, ConnectRequest, Opened, Ping, Transport


def request(**more: object) -> ConnectRequest:
    address = Address(parse_endpoint("wss://ann:s3cret@example.com/socket?key=s3cret"), {"token": "s3cret"}, "2.0.0")
    return ConnectRequest(address, TestScheduler(), Closing(), lambda: Ping(Frame(b""), bool), **more)  # pyright: ignore[reportArgumentType]


def test_who_listens_hears_the_request_once_it_is_made():
    heard: list[CloseRequest] = []
    closing = Closing()
    closing.listen(heard.append)
    assert (heard, closing.requested) == ([], None)
    closing.request(CloseRequest(4000, "bye"))
    assert heard == [CloseRequest(4000, "bye")]
    assert closing.requested == CloseRequest(4000, "bye")


def test_who_listens_later_hears_a_request_that_was_made_before():
    heard: list[CloseRequest] = []
    closing = Closing()
    closing.request(CloseRequest(4000, "bye"))
    closing.listen(heard.append)
    assert heard == [CloseRequest(4000, "bye")]


def test_only_the_first_request_counts():
    heard: list[CloseRequest] = []
    closing = Closing()
    closing.listen(heard.append)
    closing.request(CloseRequest(4000, "first"))
    closing.request(CloseRequest(4001, "second"))
    assert heard == [CloseRequest(4000, "first")]
    assert closing.requested == CloseRequest(4000, "first")


def test_closing_takes_a_second_at_most_unless_it_is_said():
    assert CloseRequest() == CloseRequest(None, "", 1.0)


def test_a_request_shows_neither_token_nor_params_nor_headers():
    shown = repr(request(auth_token="s3cret", headers={"Authorization": "s3cret"}, session="s3cret"))
    assert shown == "ConnectRequest(Address('wss://example.com/socket', vsn='2.0.0'))"


def test_requests_share_no_headers_and_no_memory():
    first, second = request(), request()
    first.memory["key"] = "value"
    assert (second.memory, second.headers) == ({}, {})


def test_an_opening_carries_what_sends():
    sent: list[Frame] = []
    Opened(sent.append).send(Frame(b"x"))
    assert sent == [Frame(b"x")]


def test_anything_with_connect_is_a_transport():
    class Nowhere:
        def connect(self, request: ConnectRequest) -> reactivex.Observable[Opened | Frame]:
            return reactivex.never()

    transport: Transport = Nowhere()
    assert isinstance(transport.connect(request()), reactivex.Observable)
