"""What of F&O's OData this server implements. It answers everything else with an error, never by leaving it out."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sandbox.finops.infolog import RequestError
from sandbox.wire.demands import given_options, preferences, refused_format
from sandbox.wire.query import QueryError, QueryOptions, parse_options

COLLECTION = ("$filter", "$select", "$orderby", "$top", "$skip", "$count", "$expand", "cross-company")
"""The query options of an entity set."""
COUNT = ("$filter", "cross-company")
"""The query options of `/$count`."""
ROW = ("$select", "$expand", "cross-company")
"""The query options of one row."""
WRITE = ("cross-company",)
"""The query options of a write and of an action."""

_ODATA_EXCEPTION = "Microsoft.OData.Core.ODataException"
_PREFERENCES = frozenset({"odata.continue-on-error", "return"})
_HEADERS = frozenset({"odata-version", "odata-maxversion"})
_REFUSED_HEADERS = frozenset(
    {"if-modified-since", "if-unmodified-since", "if-range", "range", "x-http-method", "x-http-method-override"}
)
_FORMATS = ("application/json", "application/xml", "multipart/mixed", "text/plain")


def invalid_query(text: str) -> RequestError:
    """A query option that the service refuses."""
    return RequestError(400, f"The query specified in the URI is not valid. {text}", _ODATA_EXCEPTION)


def options_of(query: str, allowed: Collection[str]) -> QueryOptions:
    """The options of a query string. Raises RequestError for one that is malformed or not among the allowed ones."""
    try:
        options = parse_options(query)
    except QueryError as error:
        raise invalid_query(str(error)) from error
    for name in given_options(options):
        if name not in allowed:
            raise invalid_query(f"The query parameter '{name}' is not supported here by this stand-in.")
    if options.other.get("cross-company", "true").lower() not in ("true", "false"):
        raise invalid_query(f"'{options.other['cross-company']}' is neither true nor false for cross-company.")
    return options


def check_headers(method: str, headers: Mapping[str, str]) -> None:
    """Refuse headers and preferences that are not implemented. Names of headers are in lower case."""
    for name in headers:
        if name in _REFUSED_HEADERS or (name.startswith("odata-") and name not in _HEADERS):
            raise _not_implemented(f"the header '{name}'")
    if headers.get("odata-version", "4.0") != "4.0" or headers.get("odata-maxversion", "4.0") not in ("4.0", "4.01"):
        raise RequestError(400, "This stand-in implements the OData version 4.0 only.", _ODATA_EXCEPTION)
    if refused := refused_format(headers.get("accept"), _FORMATS):
        raise RequestError(406, f"This stand-in answers with minimal metadata in JSON only, not '{refused}'.")
    if headers.get("if-none-match", "null") != "null":
        raise _not_implemented("the header If-None-Match")
    if "if-match" in headers and method not in ("PATCH", "PUT", "DELETE"):
        raise _not_implemented(f"If-Match with {method}")
    try:
        found = preferences(headers.get("prefer"))
    except ValueError as error:
        raise invalid_query(f"The Prefer header cannot be read from '{error}' on.") from error
    for name, value in found:
        # POST answers with the row anyway, PATCH never does.
        wanted = ("representation", "minimal") if method in ("GET", "POST") else ("minimal",)
        if name not in _PREFERENCES or (name == "return" and value not in wanted):
            raise _not_implemented(f"the preference '{name}{'=' + value if value else ''}' with {method}")


def _not_implemented(what: str) -> RequestError:
    return RequestError(501, f"This stand-in does not implement {what}.", "System.NotImplementedException")
