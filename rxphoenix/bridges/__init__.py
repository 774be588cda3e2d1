"""Where push meets pull: async iteration, coroutines, threads.

What lives here: the ways between observables and the rest of Python. What does not: anything about Phoenix, which is
the client's.
"""
