"""The exit statuses of the commands, so that a script can tell what became of one.

What lives here: the numbers, and the words for them. What does not: when a command ends with which (each command).
"""

from __future__ import annotations

__all__ = ["ENDED", "FAILED", "INTERRUPTED", "MISUSED", "NOT_CONNECTED", "REFUSED", "STATUSES", "TIMED_OUT"]

ENDED, FAILED, MISUSED, REFUSED, TIMED_OUT, NOT_CONNECTED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130
"""Exit statuses; the last one is what shells use for a command that Ctrl-C ended."""

STATUSES = f"""\
exit status:
  {ENDED:<3}  it ended as it should; for what runs until it is told to end, that is by Ctrl-C or SIGTERM
  {FAILED:<3}  it could not do it, for example because the port is taken or a file cannot be read
  {MISUSED:<3}  the arguments make no sense, or what the command needs is not installed
  {REFUSED:<3}  the server said no: to the join, or to the push
  {TIMED_OUT:<3}  the server has not answered in time
  {NOT_CONNECTED:<3}  the server cannot be reached, or the connection was lost before the answer
  {INTERRUPTED:<3}  what would have ended by itself was interrupted by Ctrl-C or SIGTERM"""
"""What each of them means, for the help."""
