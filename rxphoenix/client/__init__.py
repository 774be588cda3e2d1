"""The client: sockets, channels and pushes as observables.

What lives here: everything between a transport and an observer. All time comes from the socket's scheduler.
What does not: reading and writing bytes (``rxphoenix.transports``) and the rules of the wire (``rxphoenix.protocol``).

Each file holds one concept::

    socket.py      what a user holds: options, streams, channels
    link.py        keeping one connection alive while somebody needs it: leases, backoff, offline
    connection.py  one connection: handshake, sending, replies, and all that dies with it
    audience.py    who listens to a join
    presence.py    who is present: what a user holds of it
    attendance.py  the presence that a join keeps, whoever looks
    presence_view.py  who looks at it, and at which part
    reply.py       reading the reply in a message
    heartbeat.py   telling a dead link from a silent one
    topic.py       everything kept about one topic while something lives there
    leasable.py    what is kept while somebody needs it
    join.py        one join of a topic, over as many connections as it takes
    channel.py     what a user holds for a topic: streams, pushes, leaving
    pushes.py      the pushes of one join: held, and sent
    push.py        one push: held, sent, answered, timed out or interrupted
    timer.py       something that will happen later, or not
    limits.py      time limits that share a timer
    single.py      an observable of exactly one value
    subjects.py    hot streams and states, with isolated observers
    dispatch.py    the order in which observers are told
    context.py     what all parts of one socket share: scheduler, thread, dispatch, faults
    patience.py    how long to wait: asking the user's delay function
    checks.py      refusing what cannot be used, at the call
    provider.py    values that may be functions or coroutine functions
"""
