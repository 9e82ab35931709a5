"""Paging cookies and query strings."""

import base64
import json
from typing import Any
from urllib.parse import unquote_plus

from sandbox.sales.errors import SalesError


def make_cookie(value: dict[str, Any]) -> str:
    """Give an opaque token for a place in a result."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def read_cookie(token: str | None) -> dict[str, Any] | None:
    """Give back what a token stands for, None for no token. Raises 400."""
    if token is None:
        return None
    try:
        value = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise SalesError(400, "0x80041129", "The paging cookie is malformed.") from error
    if not isinstance(value, dict):
        raise SalesError(400, "0x80041129", "The paging cookie is malformed.")
    return value


def without_option(query: str, name: str) -> str:
    """Take one option out of a raw query string."""
    return "&".join(part for part in query.split("&") if part and unquote_plus(part.split("=", 1)[0]) != name)
