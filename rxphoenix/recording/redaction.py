"""What must not be written down: values whose name says that they are a secret.

Connect params, tokens and headers are never recorded. Payloads are, and those of joins often hold a token of their own.

What lives here: finding secrets in a payload. What does not: writing it (``lines.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from rxphoenix.protocol.message import Message

__all__ = ["REDACTED", "SECRETS", "Redaction"]

SECRETS = ("api_key", "apikey", "authorization", "credential", "passwd", "password", "secret", "token")
"""What the names of secrets contain, in lower case."""

REDACTED = "[redacted]"


class Redaction:
    """Replaces what is said under a name that contains one of these words, at any depth.

    Arguments:
        words: parts of names, whatever their case.

    Example:
        ```python
        from rxphoenix import Message
        from rxphoenix.recording.redaction import Redaction

        message = Message("1", "1", "room:a", "phx_join", {"user": "ann", "userToken": "sesame"})
        assert Redaction().of(message).payload == {"user": "ann", "userToken": "[redacted]"}
        ```
    """

    def __init__(self, words: Iterable[str] = SECRETS) -> None:
        if isinstance(words, str):
            raise TypeError(f"redact must be several words, not one string: ({words!r},)")
        self._words = tuple(word.lower() for word in words)
        self._needles = tuple(word.encode() for word in self._words)

    def of(self, message: Message) -> Message:
        """The message without secrets; the same one if it holds none."""
        raw = message.raw
        if raw is not None:
            text = bytes(raw).lower()
            # an escaped letter could hide a name, so what has any is looked at
            if b"\\u" not in text and not any(needle in text for needle in self._needles):
                return message
        payload = message.payload
        clean = self._clean(payload)
        return message if clean is payload else message.with_payload(clean)

    def _clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            found = cast("dict[str, Any]", value)
            cleaned = {key: REDACTED if self._is_secret(key) else self._clean(each) for key, each in found.items()}
            return found if all(cleaned[key] is each for key, each in found.items()) else cleaned
        if isinstance(value, (list, tuple)):
            items = cast("list[Any]", value)
            cleaned_items = [self._clean(each) for each in items]
            return items if all(a is b for a, b in zip(items, cleaned_items, strict=True)) else cleaned_items
        return value

    def _is_secret(self, key: str) -> bool:
        name = key.lower()
        return any(word in name for word in self._words)
