"""What is carried, as text to be shown.

What lives here: any value as JSON, or as what Python shows of it. What does not: how much of it is kept or shown.
"""

from __future__ import annotations

import msgspec

__all__ = ["as_text"]


def as_text(value: object) -> str:
    """A value as JSON; one that is no JSON as Python shows it; never an error, whatever a server has sent."""
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):  # what somebody has made and is no JSON, or is too deep
        pass
    try:
        return repr(value)
    except RecursionError:
        return "(nested too deeply to show)"
