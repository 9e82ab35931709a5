"""Ids of the rows that we create in Sales: the same document always gets the same id.

A create that was sent twice (the answer to the first was lost) therefore meets its own row, not a second one.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from p2c.equality import fold_key

NAMESPACE = UUID("6f0c9f0e-5b1d-5d0a-9a55-70326330a001")


def row_id(table: str, legal_entity: str, document: str, *line: str) -> str:
    """The id of a row: of its table, legal entity, document key and, for a line, the line's key.

    Keys that are equal (`p2c.equality`) give one id.
    """
    name = "\x1f".join(map(fold_key, (table, legal_entity, document, *line)))
    return str(uuid5(NAMESPACE, name))
