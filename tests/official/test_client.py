"""The installation of the official client."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.official import client
from tests.official.client import RELEASE, OfficialClient


def test_the_official_client_and_what_it_runs_on_are_there(official_client: OfficialClient):
    with official_client.start("versions.cjs") as program:
        for request in ({"a": [1, None]}, "é\n\u2028"):
            answer = program.ask(request)
            assert answer == {"version": RELEASE, "kinds": ["function"] * 5, "request": request}


def test_a_program_that_ends_says_why(official_client: OfficialClient):
    with official_client.start("versions.cjs") as program:
        with pytest.raises(pytest.fail.Exception, match="as it was asked to"):
            program.ask("fail")
        with pytest.raises(pytest.fail.Exception, match="as it was asked to"):
            program.ask("again")


def test_without_a_registry_the_failure_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(client, "_INSTALLS", tmp_path / "build")
    for name, value in {"registry": "http://127.0.0.1:1", "fetch_retries": "0", "cache": str(tmp_path / "c")}.items():
        monkeypatch.setenv(f"npm_config_{name}", value)
    with pytest.raises(pytest.fail.Exception, match=r"could not install phoenix@[\d.]+.*registry[\s\S]*ECONNREFUSED"):
        client.installed()
    assert list((tmp_path / "build").iterdir()) == []
