"""``python -m rxphoenix``, and the script ``rxphoenix``: the command, and Ctrl-C in its first and last moments.

Importing takes a moment. Until the command answers Ctrl-C itself, and again when it is done, the signal ends the
process without a word, as it ends any program of a shell; so this and ``rxphoenix/__init__.py`` import next to nothing.

What lives here: that. What does not: the command (``rxphoenix.cli``).
"""

import signal
import sys

__all__ = ["main"]


def main() -> int:
    """Run the command; returns its exit status, see ``rxphoenix.cli.main``."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from rxphoenix.cli import main as command

    try:
        return command()
    finally:
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
