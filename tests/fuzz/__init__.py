"""Fuzzing what reads a server's bytes: ``python -m tests.fuzz`` with a coverage-guided fuzzer, and some of it as tests.

What lives here: what is tried (``targets.py``), bytes as a source of decisions (``source.py``), and the command.
"""
