"""The read-only REST metadata service under ``/metadata``: entities, their properties, and enumerations.

Sources: services-home-page.md names the service; the shapes are those that a public client reads (observed).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.finops.answers import JSON_HEADERS
from sandbox.finops.catalog import EntitySet, entity_sets, enums
from sandbox.finops.implemented import options_of
from sandbox.finops.infolog import NoResourceError, RequestError
from sandbox.finops.rules.masterdata import rules
from sandbox.finops.tables import tables_by_set
from sandbox.wire.reply import Reply

_PATH = re.compile(r"/metadata/(\w+)(?:\('([^']*)'\))?/?", re.IGNORECASE)


def is_metadata(url: str) -> bool:
    """Whether a URL belongs to the metadata service."""
    return urlsplit(url).path.lower().startswith("/metadata")


def answer(method: str, url: str, origin: str) -> Reply:
    """The answer to a request of the metadata service. Raises NoResourceError and RequestError."""
    split = urlsplit(url)
    match = _PATH.fullmatch(unquote(split.path))
    rows = _rows(match.group(1).lower()) if match else None
    if match is None or rows is None:
        raise NoResourceError(url)
    if method != "GET":
        raise RequestError(405, f"The requested resource does not support http method '{method}'.")
    options_of(split.query, ())
    context, name = f"{origin}/metadata/$metadata#{match.group(1)}", match.group(2)
    if name is None:
        content: dict[str, Any] = {"@odata.context": context, "value": rows}
    else:
        found = next((row for row in rows if row["Name"] == name), None)
        if found is None:
            raise RequestError(404, f"No resource was found for the key in segment '{match.group(1)}'.")
        content = {"@odata.context": f"{context}/$entity", **found}
    return Reply(200, dict(JSON_HEADERS), json.dumps(content).encode())


def _rows(collection: str) -> list[dict[str, Any]] | None:
    if collection == "dataentities":
        return [_data_entity(entity) for entity in entity_sets().values()]
    if collection == "publicentities":
        return [_public_entity(entity) for entity in entity_sets().values()]
    if collection == "publicenumerations":
        return [
            {"Name": name, "Members": [{"Name": symbol, "Value": number} for symbol, number in members.items()]}
            for name, members in enums().items()
        ]
    return None


def _read_only(entity: EntitySet) -> bool:
    table = tables_by_set().get(entity.name)
    return table is None or rules()[table.name].read_only


def _data_entity(entity: EntitySet) -> dict[str, Any]:
    return {
        "Name": entity.application_name,
        "PublicEntityName": entity.type,
        "PublicCollectionName": entity.name,
        "DataServiceEnabled": True,
        "IsReadOnly": _read_only(entity),
    }


def _public_entity(entity: EntitySet) -> dict[str, Any]:
    read_only = _read_only(entity)
    properties = [
        {
            "Name": prop.name,
            "TypeName": prop.edm_type,
            "IsKey": prop.name in entity.keys,
            "IsMandatory": prop.name in entity.keys,
            "AllowEdit": not read_only and prop.name not in entity.keys,
            "AllowEditOnCreate": not read_only,
        }
        for prop in entity.properties.values()
    ]
    return {"Name": entity.type, "EntitySetName": entity.name, "IsReadOnly": read_only, "Properties": properties}
