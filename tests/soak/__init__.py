"""Long runs: ``python -m tests.soak`` lets a client live for a long time, and looks at what that leaves behind.

What lives here: hours compressed into virtual time (``compressed.py``), minutes of churn over real sockets
(``churn.py``), and levels before and after (``levels.py``).
"""
