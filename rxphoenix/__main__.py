"""``python -m rxphoenix``: the ``rxphoenix`` command.

What lives here: the call. What does not: anything else.
"""

import sys

from rxphoenix.cli import main

if __name__ == "__main__":
    sys.exit(main())
