"""The ``$metadata`` document: entity types, keys, properties, enums, navigation and entity sets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from xml.etree import ElementTree as ET

from sandbox.finops.catalog import NAMESPACE, EntitySet, entity_sets, enums
from sandbox.finops.reading import NAVIGATION

_EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
_EDM = "http://docs.oasis-open.org/odata/ns/edm"


@cache
def metadata_document() -> bytes:
    """The EDMX of the service."""
    ET.register_namespace("edmx", _EDMX)
    root = ET.Element(f"{{{_EDMX}}}Edmx", Version="4.0")
    services = ET.SubElement(root, f"{{{_EDMX}}}DataServices")
    schema = ET.SubElement(services, "Schema", Namespace=NAMESPACE, xmlns=_EDM)
    sets = entity_sets()
    used = sorted({prop.enum for entity in sets.values() for prop in entity.properties.values() if prop.enum})
    for name in used:
        enum = ET.SubElement(schema, "EnumType", Name=name)
        for symbol, value in enums()[name].items():
            ET.SubElement(enum, "Member", Name=symbol, Value=str(value))
    for entity in sets.values():
        _entity_type(schema, entity)
    container = ET.SubElement(schema, "EntityContainer", Name="Resources")
    for entity in sets.values():
        element = ET.SubElement(container, "EntitySet", Name=entity.name, EntityType=f"{NAMESPACE}.{entity.type}")
        for name, navigation in NAVIGATION.get(entity.name, {}).items():
            ET.SubElement(element, "NavigationPropertyBinding", Path=name, Target=navigation.target)
    return b'<?xml version="1.0" encoding="utf-8"?>' + ET.tostring(root)


def _entity_type(schema: ET.Element, entity: EntitySet) -> None:
    element = ET.SubElement(schema, "EntityType", Name=entity.type)
    _key(element, entity.keys)
    for prop in entity.properties.values():
        attributes = {"Name": prop.name, "Type": prop.edm_type}
        if not prop.nullable or prop.name in entity.keys:
            attributes["Nullable"] = "false"
        ET.SubElement(element, "Property", attributes)
    for name, navigation in NAVIGATION.get(entity.name, {}).items():
        target = f"{NAMESPACE}.{entity_sets()[navigation.target].type}"
        ET.SubElement(
            element, "NavigationProperty", Name=name, Type=f"Collection({target})" if navigation.many else target
        )


def _key(element: ET.Element, names: Iterable[str]) -> None:
    key = ET.SubElement(element, "Key")
    for name in names:
        ET.SubElement(key, "PropertyRef", Name=name)
