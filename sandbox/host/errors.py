"""Why the host does not start, or does not do what it is asked."""

from __future__ import annotations


class HostError(Exception):
    """The app or its settings are such that the host cannot run it; the text says what to change."""


class WorkerGoneError(Exception):
    """The process that runs the functions ended while an invocation was under way, or before."""
