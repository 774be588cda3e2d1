"""What the dashboard measures, counts and keeps; pure of how it is shown, so that it runs in virtual time.

An instrument watches streams, counts each value exactly, and tells how it looks only a few times a second. What it
keeps is bounded, however much comes. What lives here: the instruments. What does not: pages (``rxphoenix.dashboard``).

Each file holds one concept::

    instrument.py      watching, and looks on a period: what all have in common
    rates.py           how much comes in each second
    state_history.py   when the connection was in which state
    round_trips.py     how long a message to the server and back takes
    message_log.py     the last messages, and those that match a filter
    attendance.py      who is present, and who has come and gone
    channel_states.py  the state of each channel, and what went wrong last
    push_form.py       a push that somebody has typed, and its reply
    connection.py      going offline, and connecting anew
    text.py            what is carried, as text to be shown
"""
