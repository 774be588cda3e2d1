"""The audit says what it knows, and what it does not."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.house import audit

ADVISORY = {"id": "PYSEC-1", "fix_versions": ["3.2"], "aliases": [], "description": "bad"}


def package(name: str, *advisories: Any) -> dict[str, Any]:
    return {"name": name, "version": "3.1", "vulns": list(advisories)}


@pytest.mark.parametrize(
    ("packages", "code", "lines"),
    [
        (
            [package("aiohttp"), package("pytest")],
            0,
            ["audited 2 of 2 packages; 0 known against them"],
        ),
        (
            [package("aiohttp", ADVISORY), package("pytest")],
            1,
            [
                "PYSEC-1: aiohttp 3.1, which rxphoenix depends on; fixed in 3.2",
                "audited 2 of 2 packages; 1 known against them",
            ],
        ),
        (
            [package("aiohttp"), package("pytest", ADVISORY | {"fix_versions": []})],
            0,
            [
                "PYSEC-1: pytest 3.1, which only its developers use; fixed in no version",
                "audited 2 of 2 packages; 1 known against them",
            ],
        ),
        (
            [{"name": "aiohttp", "skip_reason": "not found"}, {"name": "Py_Test", "skip_reason": "not found"}],
            0,
            [
                "NOT audited, because the advisory service gave no answer: aiohttp, py-test",
                "audited 0 of 2 packages; nothing is known of any",
            ],
        ),
    ],
)
def test_what_is_known_and_what_is_not_is_said(packages: list[Any], code: int, lines: list[str]):
    assert audit.judge({"dependencies": packages}, {"aiohttp"}) == (code, lines)


def test_what_rxphoenix_depends_on_is_found_at_whatever_depth():
    used = audit.dependencies()
    assert {"aiohttp", "msgspec", "reactivex", "multidict", "yarl", "idna"} <= set(used)
    assert not {"pytest", "hypothesis", "rxphoenix"} & set(used)
    assert {"pytest", "hypothesis", "pluggy", "aiohttp"} <= set(audit.dependencies(extra="test"))


def test_an_audit_that_cannot_be_made_says_so_and_is_no_failure(monkeypatch: pytest.MonkeyPatch):
    def fail(*_arguments: object, **_options: object) -> None:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(audit.venv, "create", lambda *_arguments, **_options: None)
    monkeypatch.setattr(audit.subprocess, "run", fail)
    code, (line,) = audit.audit()
    assert code == 0
    assert line == "NOT audited: pip-audit could not be installed or did not end (CalledProcessError)"
