"""What a column takes: checks and conversion of a JSON or Python value into the stored form.

Stored forms: text, int, bool, Decimal, GUID in lower case, `YYYY-MM-DDTHH:MM:SSZ` and `YYYY-MM-DD`.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandbox.sales.errors import SalesError
from sandbox.sales.model import AMOUNTS, CHOICES, Column
from sandbox.wire.store import moment_text

GUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NET_TYPES = {
    "Money": "Microsoft.Xrm.Sdk.Money",
    "Decimal": "System.Decimal",
    "Double": "System.Double",
    "Integer": "System.Int32",
}
_EARLIEST = datetime(1753, 1, 1, tzinfo=UTC)

Raise = Callable[[str], SalesError]


def is_guid(text: str) -> bool:
    """True for a GUID with hyphens."""
    return GUID.fullmatch(text) is not None


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half up, away from zero."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def convert(column: Column, value: Any, mismatch: Raise) -> Any:
    """Give the stored form of a value. `mismatch` makes the error for a value of the wrong JSON type."""
    if value is None:
        return None
    kind = column.type
    if kind in AMOUNTS:
        return _amount(column, value, mismatch)
    if column.kind == "text":
        return _text(column, value, mismatch)
    if kind in CHOICES or column.kind == "integer":
        return _whole(column, value, mismatch)
    if kind == "Boolean":
        if not isinstance(value, bool):
            raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.Boolean'.")
        return value
    if kind == "DateTime":
        return _moment(column, value, mismatch)
    if not isinstance(value, str) or not is_guid(value):
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.Guid'.")
    return value.lower()


def _text(column: Column, value: Any, mismatch: Raise) -> str | None:
    if not isinstance(value, str):
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.String'.")
    if value == "":
        return None
    if not value.isascii() or not value.isprintable():
        found = _FORBIDDEN.search(value)
        if found is not None:
            code = ord(found.group())
            raise SalesError(
                400, "0x80040216", f"'\\u{code:04x}', hexadecimal value 0x{code:02X}, is an invalid character."
            )
    # Lengths are counted in UTF-16 units, so a character beyond the basic plane counts twice.
    length = len(value) if value.isascii() else len(value.encode("utf-16-le")) // 2
    if column.max_length is not None and length > column.max_length:
        raise SalesError(
            400,
            "0x80044331",
            f"A validation error occurred. The length of the '{column.name}' attribute of the '{column.table}' entity "
            f"exceeded the maximum allowed length of '{column.max_length}'.",
        )
    return value


def _whole(column: Column, value: Any, mismatch: Raise) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.Int32'.")
    if column.type == "Picklist" and column.options and value not in column.options:
        accepted = ",".join(str(option) for option in column.options)
        raise SalesError(
            400,
            "0x8004431a",
            f"A validation error occurred. The value {value} of '{column.name}' on record of type '{column.table}' is "
            f"outside the valid range. Accepted Values: {accepted}",
        )
    if column.type == "Integer":
        if not -(2**31) <= value < 2**31:
            raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.Int32'.")
        _check_range(column, Decimal(value))
    return value


def _amount(column: Column, value: Any, mismatch: Raise) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type 'Edm.Decimal'.")
    number = Decimal(value)
    _check_range(column, number)
    if column.type != "Money" and column.precision is not None:
        return rounded(number, column.precision)
    return number


def _check_range(column: Column, number: Decimal) -> None:
    least, most = column.minimum, column.maximum
    if least is None or most is None:
        return
    if not number.is_finite() or not least <= number <= most:
        raise SalesError(
            400,
            "0x8004432f" if column.type == "Integer" else "0x80044330",
            f"A validation error occurred for {column.table}.{column.name}. The value {number:f} of type "
            f"{_NET_TYPES[column.type]} is outside the valid range({least:f} to {most:f}).",
        )


def _moment(column: Column, value: Any, mismatch: Raise) -> str:
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.date().isoformat() if column.date_only else moment_text(moment)
    if isinstance(value, date):
        return value.isoformat() if column.date_only else f"{value.isoformat()}T00:00:00Z"
    expected = "Edm.Date" if column.date_only else "Edm.DateTimeOffset"
    if not isinstance(value, str) or (column.date_only and len(value) != 10):
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type '{expected}'.")
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise mismatch(f"Cannot convert the literal '{value}' to the expected type '{expected}'.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if moment < _EARLIEST:
        raise SalesError(
            400,
            "0x80040239",
            f"DateTime is less than minumum value supported by CrmDateTime. Actual value: {value}, Minimum value "
            "supported: 01/01/1753 00:00:00",
        )
    return moment.date().isoformat() if column.date_only else moment_text(moment)
