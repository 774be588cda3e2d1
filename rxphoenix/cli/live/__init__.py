"""The commands that look at a Phoenix app; they need ``typer`` and ``rich``, the extra ``cli``.

What lives here: ``tail``, ``push``, ``ping``, ``presence``, ``record``, ``replay`` and
``dashboard``. What does not: the commands that
a plain install has (``rxphoenix.cli``).

Each file holds one concept::

    commands.py    the commands and their arguments, as typer reads them
    options.py     the arguments and options that several commands have
    arguments.py   durations, pairs and payloads, from the words of a shell
    session.py     a socket as the options say, and what its faults mean for the exit status
    items.py       what is shown of a message
    lines.py       a line for a person, or for a program
    notes.py       states, gaps and faults, on standard error
    tail.py  push.py  ping.py  presence.py  record.py  replay.py  dashboard.py     what each command does
    stage.py       a recording that a server plays, for `replay --serve`
"""
