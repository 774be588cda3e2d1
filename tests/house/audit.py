"""Asks whether something is known against what rxphoenix installs: ``make audit``.

The versions that are installed here, of what rxphoenix depends on at whatever depth (which a user has, too) and of what
only its developers use, are looked up by ``pip-audit`` in the advisories of the package index. Something that is known
against the former fails, something against the latter is said. What could not be looked up is said too: no advisory and
no answer are not the same.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import venv
from importlib import metadata
from pathlib import Path
from typing import Any

__all__ = ["audit", "dependencies", "judge"]

PATIENCE = 300
"""Seconds for pip-audit, and for its installation."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies(of: str = "rxphoenix", extra: str = "") -> dict[str, str]:
    """The installed versions of what a package requires, at whatever depth, by canonical name.

    Arguments:
        of: the package; it is not part of what is returned.
        extra: an extra of it that is asked for, too.
    """
    found: dict[str, str] = {}

    def visit(name: str, extra: str) -> None:
        for requirement in metadata.requires(name) or ():
            condition = requirement.partition(";")[2]
            if "extra" in condition and (not extra or f'"{extra}"' not in condition.replace("'", '"')):
                continue
            required = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
            try:
                version = metadata.version(required)
            except metadata.PackageNotFoundError:  # its condition does not hold here
                continue
            if canonical(required) not in found:
                found[canonical(required)] = version
                visit(required, "")

    visit(of, extra)
    found.pop(canonical(of), None)
    return found


def judge(answer: dict[str, Any], used: set[str]) -> tuple[int, list[str]]:
    """What an answer of pip-audit means: the exit code, and what is to be said.

    Arguments:
        answer: what it wrote as JSON.
        used: the canonical names of what a user of rxphoenix has, too.
    """
    lines: list[str] = []
    asked, silent, code = 0, [], 0
    for dependency in answer["dependencies"]:
        name = canonical(dependency["name"])
        if "skip_reason" in dependency:
            silent.append(name)
            continue
        asked += 1
        for advisory in dependency["vulns"]:
            whose = "which rxphoenix depends on" if name in used else "which only its developers use"
            fixed = ", ".join(advisory["fix_versions"]) or "no version"
            lines.append(f"{advisory['id']}: {name} {dependency['version']}, {whose}; fixed in {fixed}")
            code = max(code, int(name in used))
    if silent:
        lines.append(f"NOT audited, because the advisory service gave no answer: {', '.join(silent)}")
    known = f"{len(lines) - bool(silent)} known against them"
    lines.append(f"audited {asked} of {asked + len(silent)} packages; {known if asked else 'nothing is known of any'}")
    return code, lines


def ask(packages: dict[str, str]) -> dict[str, Any] | str:
    """Have pip-audit look up some versions; returns what it wrote, or why it could not."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder, "bin", "python")
        try:
            venv.create(folder, with_pip=True)
            install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "pip-audit>=2.10"]
            subprocess.run(install, check=True, capture_output=True, timeout=PATIENCE)
            requirements = Path(folder, "requirements.txt")
            requirements.write_text("".join(f"{name}=={version}\n" for name, version in packages.items()))
            command = [python, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
            command += ["--format", "json", "--requirement", requirements]
            done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
        except (OSError, subprocess.SubprocessError) as error:
            return f"pip-audit could not be installed or did not end ({type(error).__name__})"
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        return "pip-audit got no answer from the advisory service"


def audit() -> tuple[int, list[str]]:
    """Audit what is installed here: the exit code, and what is to be said."""
    used = dependencies()
    answer = ask(dependencies(extra="test") | used)
    return (0, [f"NOT audited: {answer}"]) if isinstance(answer, str) else judge(answer, set(used))


if __name__ == "__main__":
    exit_code, said = audit()
    sys.stdout.writelines(f"audit: {line}\n" for line in said)
    sys.exit(exit_code)
