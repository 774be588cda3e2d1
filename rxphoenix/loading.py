"""The names of a package, each loaded when it is first needed.

So the command answers at once, pytest does not load a client for its plugin, a program with a transport of its own
never loads aiohttp, and importing costs what is used.

What lives here: loading. What does not: which names there are, and the imports that type checkers and editors read
instead (the ``__init__.py`` of a package). It imports next to nothing itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

__all__ = ["loaded_when_needed"]


def loaded_when_needed(
    package: str, modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Make the functions ``__getattr__`` and ``__dir__`` of a package.

    Arguments:
        package: its name.
        modules: the public names that each module defines.

    Example:
        ```python
        import rxphoenix

        assert "Socket" in dir(rxphoenix)
        print(rxphoenix.Socket)
        ```
    """
    homes = {name: module for module, names in modules.items() for name in names}
    loaded = vars(sys.modules[package])

    def get(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = loaded[name] = getattr(import_module(homes[name]), name)
        return value

    def names() -> list[str]:
        return sorted({*loaded, *homes})

    return get, names
