"""Applications for the embedded server: the conformance contract, and a demo.

What lives here: channels and sockets that are ready to be served. What does not: the API they are written in
(``rxphoenix.server``).
"""
