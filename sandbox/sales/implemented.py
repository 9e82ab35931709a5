"""What of the Web API this server implements. It answers everything else with an error, never by leaving it out.

400 is for what the real service would refuse as well or no source documents; 501 is for what the real service does and
this stand-in does not. Both say so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sandbox.sales.errors import SalesError, query_error
from sandbox.wire.demands import given_options, preferences, refused_format
from sandbox.wire.query import QueryOptions

COLLECTION = ("$filter", "$select", "$orderby", "$top", "$count", "$expand", "$skiptoken", "$deltatoken")
"""The query options of a collection."""
COUNT = ("$filter", "$deltatoken")
"""The query options of `/$count`."""
SINGLE = ("$select", "$expand")
"""The query options of one record."""
DEFINITIONS = ("$select", "$filter", "$expand")
"""The query options of EntityDefinitions and their parts."""
EXPANDED_ONE = ("$select", "$expand")
"""The options inside of an $expand that leads to one record."""
EXPANDED_MANY = ("$select", "$expand", "$filter", "$orderby", "$top")
"""The options inside of an $expand that leads to several records."""

# The real service has these; a request that uses one is answered 501.
_REAL_OPTIONS = frozenset(
    {"$apply", "$search", "$compute", "$format", "fetchxml", "savedquery", "userquery", "tag", "partitionid", "$levels"}
)
_HEADERS = frozenset(
    {
        "mscrm.bypassbusinesslogicexecution",
        "mscrm.bypasscustompluginexecution",
        "mscrm.suppressduplicatedetection",
        "mscrmcallerid",
        "odata-version",
        "odata-maxversion",
    }
)
_PREFERENCES = frozenset(
    {
        "odata.maxpagesize",
        "odata.track-changes",
        "odata.continue-on-error",
        "odata.include-annotations",
        "return",
    }
)
_FORMATS = ("application/json", "application/xml", "multipart/mixed", "text/plain")


def not_implemented(what: str) -> SalesError:
    """Give the 501 for what the real service does and this one does not."""
    return SalesError(501, "0x80060888", f"This stand-in does not implement {what}; the real service may.")


def check_options(options: QueryOptions, allowed: Collection[str], place: str) -> None:
    """Refuse every option that is not implemented at a place of the address. Raises 400 and 501."""
    for name in given_options(options):
        if name in allowed:
            continue
        if name == "$skip":
            raise query_error("Skip Clause is not supported in CRM")
        if name.lower() in _REAL_OPTIONS:
            raise not_implemented(f"the query option '{name}'")
        if name.startswith("@"):
            raise query_error(
                f"The parameter alias '{name}' is not used by $filter: this stand-in does not implement it."
            )
        raise query_error(f"The query option '{name}' is not implemented by this stand-in {place}.")


def check_headers(method: str, headers: Mapping[str, str]) -> None:
    """Refuse headers and preferences that are not implemented. Names of headers are in lower case."""
    for name, value in headers.items():
        if name.startswith(("mscrm", "odata-")) and name not in _HEADERS:
            raise not_implemented(f"the header '{name}'")
        if name in (
            "if-modified-since",
            "if-unmodified-since",
            "if-range",
            "range",
            "x-http-method",
            "x-http-method-override",
        ):
            raise not_implemented(f"the header '{name}'")
        if name == "mscrm.suppressduplicatedetection" and value.strip().lower() != "true":
            raise not_implemented("duplicate detection (MSCRM.SuppressDuplicateDetection: false)")
    if headers.get("odata-version", "4.0") != "4.0" or headers.get("odata-maxversion", "4.0") not in ("4.0", "4.01"):
        raise SalesError(400, "0x80060888", "This stand-in implements the OData version 4.0 only.")
    if refused := refused_format(headers.get("accept"), _FORMATS):
        raise SalesError(
            406, "0x80060888", f"This stand-in answers with minimal metadata in JSON only, not '{refused}'."
        )
    _check_preferences(headers.get("prefer"))
    _check_conditions(method, headers)


def _check_preferences(header: str | None) -> None:
    try:
        found = preferences(header)
    except ValueError as error:
        raise query_error(f"The Prefer header cannot be read from '{error}' on.") from error
    for name, value in found:
        if name not in _PREFERENCES:
            raise not_implemented(f"the preference '{name}'")
        if name == "return" and value not in ("representation", "minimal"):
            raise query_error(f"The preference return has no value '{value}'.")
        if name == "odata.maxpagesize" and not (value.isdecimal() and int(value) > 0):
            raise query_error(f"The preference odata.maxpagesize needs a whole number above 0, not '{value}'.")


def _check_conditions(method: str, headers: Mapping[str, str]) -> None:
    match, none_match = headers.get("if-match"), headers.get("if-none-match", "null")
    if match is not None and method not in ("PATCH", "PUT", "DELETE"):
        raise not_implemented(f"If-Match with {method}")
    if none_match == "null":
        return
    if method == "PATCH" and none_match == "*" and match is None:
        return
    if method == "GET" and none_match.startswith('W/"'):
        return
    raise not_implemented(f"If-None-Match: {none_match} with {method}" + (" and If-Match" if match else ""))
