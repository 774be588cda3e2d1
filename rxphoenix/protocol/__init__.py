"""The Phoenix Channels protocol as pure functions and tables.

What lives here: messages and frames, serializers, addresses, lifecycles and delays. What does not:
observables, clocks, sockets, I/O. Nothing in this folder imports ``reactivex`` or ``aiohttp``.
"""
