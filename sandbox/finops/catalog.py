"""The entity sets of the server: names, keys and properties from the published metadata, and their values in and out.

A value has two forms. *Stored*: text, int, Decimal, an enum member's symbol, a day (``YYYY-MM-DD``) or a moment
(``YYYY-MM-DDTHH:MM:SSZ``). *On the wire*: JSON, where a day is the noon of that day in UTC.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from json.encoder import encode_basestring
from typing import Any

NAMESPACE = "Microsoft.Dynamics.DataEntities"
NO_DATE = "1900-01-01"
NO_MOMENT = "1900-01-01T00:00:00Z"
_NULL_ENUMS = ("TimeZone", "Timezone", "LegalNature")
_KINDS = {
    "String": "text",
    "Decimal": "decimal",
    "Int32": "integer",
    "Int64": "integer",
    "Date": "date",
    "UtcDateTime": "datetime",
}
_BOUNDS = {"Int32": 2**31, "Int64": 2**63}


class ValueRefusedError(Exception):
    """A JSON value that does not fit its property; the text is the service's."""


@cache
def enums() -> Mapping[str, Mapping[str, int]]:
    """Every enum by its short name: member symbol to value."""
    loaded: dict[str, dict[str, int]] = json.loads(_catalog_text("enums.json"))
    return loaded


@dataclass(frozen=True, slots=True)
class Property:
    """One property. ``type`` is String, Decimal, Int32, Int64, Date, UtcDateTime or enum; ``enum`` names the enum."""

    name: str
    type: str
    enum: str | None = None

    @property
    def kind(self) -> str:
        """The kind of its column in the store."""
        return "enum" if self.enum else _KINDS[self.type]

    @property
    def default(self) -> Any:
        """What a row has that was never given a value; None only for the enums that come as null."""
        if self.enum:
            if self.name.endswith(_NULL_ENUMS):
                return None
            members = enums()[self.enum]
            return next((symbol for symbol, value in members.items() if value == 0), next(iter(members)))
        return {"String": "", "Decimal": Decimal(0), "Date": NO_DATE, "UtcDateTime": NO_MOMENT}.get(self.type, 0)

    @property
    def edm_type(self) -> str:
        """Its type in the metadata document."""
        if self.enum:
            return f"{NAMESPACE}.{self.enum}"
        return "Edm.DateTimeOffset" if self.type in ("Date", "UtcDateTime") else f"Edm.{self.type}"

    @property
    def nullable(self) -> bool:
        """Texts and enums may be null on the wire; numbers and dates may not."""
        return self.type in ("String", "enum")

    def read(self, value: Any) -> Any:
        """The stored form of a JSON value. Raises ValueRefusedError."""
        if value is None:
            if not self.nullable:
                expected = f"{self.edm_type}[Nullable=False]"
                raise ValueRefusedError(
                    f"A null value was found for the property named '{self.name}', which has the expected type "
                    f"'{expected}'. The expected type '{expected}' does not allow null values."
                )
            return self.default
        if self.enum:
            if not isinstance(value, str) or value not in enums()[self.enum]:
                raise ValueRefusedError(
                    f"Cannot convert the literal '{value}' to the expected type '{self.edm_type}'. "
                    f"Requested value '{value}' was not found."
                )
            return value
        return _READERS[self.type](self, value)

    def write(self, value: Any) -> str:
        """The JSON text of a stored value."""
        if value is None:
            return "null"
        return _WRITERS[self.type](value)


def _wrong(prop: Property, value: Any) -> ValueRefusedError:
    return ValueRefusedError(f"Cannot convert the literal '{value}' to the expected type '{prop.edm_type}'.")


def _read_text(prop: Property, value: Any) -> str:
    if not isinstance(value, str):
        raise _wrong(prop, value)
    return value


def _read_decimal(prop: Property, value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _wrong(prop, value)
    return Decimal(value)


def _read_whole(prop: Property, value: Any) -> int:
    bound = _BOUNDS[prop.type]
    if isinstance(value, bool) or not isinstance(value, int) or not -bound <= value < bound:
        raise _wrong(prop, value)
    return value


def read_moment(text: str) -> dt.datetime:
    """The moment of an ISO text in UTC; a day alone is its midnight. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text)
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _read_day(prop: Property, value: Any) -> str:
    return _read_utc(prop, value)[:10]


def _read_utc(prop: Property, value: Any) -> str:
    try:
        return read_moment(_read_text(prop, value)).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError as error:
        raise _wrong(prop, value) from error


_READERS: dict[str, Callable[[Property, Any], Any]] = {
    "String": _read_text,
    "Decimal": _read_decimal,
    "Int32": _read_whole,
    "Int64": _read_whole,
    "Date": _read_day,
    "UtcDateTime": _read_utc,
}


def _write_decimal(value: Decimal) -> str:
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


_WRITERS: dict[str, Callable[[Any], str]] = {
    "String": encode_basestring,
    "enum": lambda value: f'"{value}"',
    "Decimal": _write_decimal,
    "Int32": str,
    "Int64": str,
    "Date": lambda value: f'"{value}T12:00:00Z"',
    "UtcDateTime": lambda value: f'"{value}"',
}


@dataclass(frozen=True)
class EntitySet:
    """One entity set. ``application_name`` is the entity's name in messages of the application."""

    name: str
    type: str
    keys: tuple[str, ...]
    properties: Mapping[str, Property]

    @property
    def by_company(self) -> bool:
        """Whether its rows belong to a company."""
        return "dataAreaId" in self.properties

    @property
    def application_name(self) -> str:
        """The entity's name in messages of the application."""
        return f"{_APPLICATION_NAMES.get(self.name, self.type)}Entity"


_APPLICATION_NAMES = {
    "CustomersV2": "CustCustomerV2",
    "CustomersV3": "CustCustomerV3",
    "CustomerGroups": "CustCustomerGroup",
}
# Sets that only carry actions: no rows, one invented key.
_ACTION_SETS = {"SystemNotifications": ("SystemNotification", "RuleId")}


@cache
def entity_sets() -> Mapping[str, EntitySet]:
    """Every entity set by its name."""
    loaded = json.loads(_catalog_text("finops.json"))
    found = {
        name: EntitySet(name, given["type"], tuple(given["keys"]), _properties(given["properties"]))
        for name, given in loaded.items()
    }
    for name, (kind, key) in _ACTION_SETS.items():
        found.setdefault(name, EntitySet(name, kind, (key,), {key: Property(key, "String")}))
    return found


def _properties(given: Mapping[str, str]) -> dict[str, Property]:
    found = {}
    for name, text in given.items():
        kind, _, enum = text.partition(" ")
        found[name] = Property(name, kind, enum or None)
    return found


def _catalog_text(name: str) -> str:
    return (files("p2c.templates") / "catalog" / name).read_text(encoding="utf-8")


_KEY_PART = re.compile(r"\s*(?:(\w+)\s*=\s*)?((?:[\w.]+)?'(?:[^']|'')*'|[^',()]+)\s*(?:,|$)")


def read_key(entity_set: EntitySet, text: str, date_keys: bool = True) -> dict[str, Any] | None:
    """The stored values of a key in a URL (what stands between the parentheses, decoded), or None when malformed.

    Every part must be there and named; a key of one part may go without its name.
    """
    found: dict[str, Any] = {}
    at = 0
    while at < len(text):
        match = _KEY_PART.match(text, at)
        if match is None or match.end() == at:
            return None
        name = match.group(1) or (entity_set.keys[0] if len(entity_set.keys) == 1 else "")
        if name in found or name not in entity_set.keys:
            return None
        try:
            found[name] = _key_value(entity_set.properties[name], match.group(2).strip(), date_keys)
        except (ValueError, ValueRefusedError):
            return None
        at = match.end()
    return found if set(found) == set(entity_set.keys) else None


def _key_value(prop: Property, literal: str, date_keys: bool) -> Any:
    if prop.enum:
        prefix = f"{NAMESPACE}.{prop.enum}'"
        if not literal.startswith(prefix):
            raise ValueError(literal)
        return prop.read(literal[len(prefix) : -1])
    if prop.type == "String":
        if len(literal) < 2 or literal[0] != "'" or literal[-1] != "'":
            raise ValueError(literal)
        return literal[1:-1].replace("''", "'")
    if literal.startswith("'"):
        raise ValueError(literal)
    if prop.type in ("Date", "UtcDateTime"):
        if not date_keys:
            raise ValueError(literal)
        return prop.read(literal)
    return prop.read(int(literal))
