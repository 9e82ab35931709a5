"""Lanes: what the deployed app puts on its queues, and what it does when a message comes out of them.

Nothing here knows Azure Functions; `p2c.triggers` is the only place that does.
"""
