"""Tests of the client, in virtual time."""
