"""Sessions kept as files: recording what a socket sends and receives, and playing it back.

What lives here: ``record``, ``replay`` and the format of the files. What does not: showing them (``rxphoenix.cli``).

Each file holds one concept::

    events.py     what a recording is made of
    lines.py      the format: an event as a line of JSON, and back
    redaction.py  what must not be written down
    file.py       recordings on disk: appended to, compressed, cut short by a crash
    record.py     recording a socket or a channel
    script.py     what the server said and answered in a recording
    replay.py     a recording as a transport
"""
