"""How bytes travel: the seam (``base.py``) and what implements it.

What lives here: transports. What does not: messages, channels, reconnecting.
"""
