"""Which kind of error a refusal is, from the documented codes of Dataverse and the Infolog texts of F&O.

Both functions take status, headers and body of an answer (a plain one, or a part of a batch) and give the error to
raise. Codes: Dataverse's web service error codes. Texts of F&O come from captured traffic, since its status says
little: 400 and 500 both cover refused values, a missing row, a row that is there already and a write conflict.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from p2c.documents import SystemName
from p2c.errors import (
    AuthError,
    ConfigError,
    Conflict,
    ExpiredToken,
    Fault,
    MissingRow,
    PrivilegeMissing,
    ServiceError,
    Throttled,
    Transient,
    Validation,
)
from p2c.systems.odata.refusal import Refusal, read

Refused = ServiceError | AuthError | ConfigError

# Dataverse: org-service/web-service-error-codes.
_SALES_THROTTLED = frozenset({"0x80072321", "0x80072322", "0x80072326"})
_SALES_CONFLICT = frozenset({"0x80060892", "0x80040237", "0x80040333", "0x80060882"})
_SALES_MISSING = frozenset({"0x80060891", "0x80040217"})
_SALES_PRIVILEGE = frozenset({"0x80040220", "0x80048306"})
_SALES_DISABLED = "0x80040225"
_SALES_CONFIG = frozenset({"0x80072491", "0x80072492", "0x80041103", "0x8006088a"})
_SALES_PERMANENT = frozenset({"0x80044330", "0x80044331", "0x80048d19"})
"""A number out of range, a text too long, a body that cannot be read."""
_SALES_EXPIRED_TOKEN = "0x80044352"
_SALES_PLUGIN_ABORT = "0x80040265"

NAMES = {"sales": "Sales", "finops": "Finance and Operations"}
_UNKNOWN_NAME = re.compile(
    r"Could not find a property named '(?P<a>[^']+)'"
    r"|The property '(?P<b>[^']+)' does not exist on type"
    r"|(?:An )?undeclared property '(?P<c>[^']+)'"
    r"|Invalid property '(?P<d>[^']+)' was found in entity"
    r"|doesn't contain attribute with Name = '(?P<e>[^']+)'"
    r"|Resource not found for the segment '(?P<f>[^']+)'",
    re.IGNORECASE,
)
_BAD_QUERY = re.compile(
    r"syntax error at position|The query specified in the URI is not valid"
    r"|query parameter isn't supported when Change Tracking is enabled|isn't enabled for change tracking",
    re.IGNORECASE,
)
_WHOLE_TABLE = re.compile(r"is missing prv\w+|sufficient authorization to modify data", re.IGNORECASE)
"""A privilege that the user lacks for a table (Dataverse), or for the tables behind an entity (F&O's Infolog)."""
_PRINCIPAL = re.compile(r"Principal user \(Id=([0-9a-f-]{36})", re.IGNORECASE)
_BEHIND_THE_CALL = re.compile(r"context\.Caller=([0-9a-f-]{36})", re.IGNORECASE)
_PRIVILEGE = re.compile(r"is missing prv\w+|SecLib::|not authorized to|access is denied", re.IGNORECASE)
_CALLER = re.compile(
    r"AADSTS\d+|\buser\b.{0,200}\bis (?:disabled|not enabled)|not a member of the organization"
    r"|has not been assigned any (?:roles|licen[sc]e)",
    re.IGNORECASE,
)
_DEADLOCK = re.compile(r"deadlock|timeout expired|execution timeout|transport-level error", re.IGNORECASE)
_TOO_MUCH = re.compile(
    r"high resource utilization|Number of requests ex|Combined execution time|concurrent requests ex"
)

_SERVICING = re.compile(
    r"maintenance|servic(?:ing|e unavailable)|temporarily|offline|being (?:updated|upgraded)|will be back",
    re.IGNORECASE,
)
"""Words of the page that stands in for an environment while Microsoft updates it."""

_EXISTS = re.compile(r"already exists", re.IGNORECASE)
_ROW_GONE = re.compile(r"No resources were found when selecting for (?:update|delete)", re.IGNORECASE)
_UPDATE_CONFLICT = re.compile(r"An update conflict occurred due to another user process", re.IGNORECASE)

# Most telling first: `validateField` names the property of the entity, the others the label that people see.
_FINOPS_FIELD = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"validateField failed on field '(?:[^'.]+\.)?([^'.]+)'",
        r"in field '([^']+)'",
        r"(?:Mandatory )?field '([^']+)' (?:not set|must be|is not|cannot)",
        r"Inventory dimension (\w+) is mandatory",
    )
)
_SALES_FIELD = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"validation error occurred for \w+\.(\w+)",
        r"length of the '(\w+)' attribute",
        r"value of '(\w+)' on record",
        r"attribute:? '?(\w+)'? (?:of the|cannot|is|must|differs)",
        r"property '(\w+)'",
        r"'(\w+)' (?:attribute|column|field)",
    )
)
# What the Infolog says besides the reason.
_NOISE = re.compile(
    r"^(?:validate(?:Write|Field|Delete) failed|Update has been canceled|Write failed for table row)",
    re.IGNORECASE,
)
_LEVEL = re.compile(r"^(?:Info|Warning|Error):\s*", re.IGNORECASE)


def classify_sales(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Give the error that a refusal of Dataverse is."""
    refusal = read(status, headers, body)
    code, message = refusal.code.lower(), _spoken("sales", refusal, refusal.texts[:1])
    fault = Fault(field=_field(_SALES_FIELD, refusal.text))
    if code in _SALES_THROTTLED or _asks_for_less(refusal):
        return Throttled(message, retry_after=refusal.retry_after, system="sales", correlation=refusal.correlation)
    if code == _SALES_PLUGIN_ABORT:
        # A plug-in's own words, whatever they sound like.
        return Validation(message, system="sales", correlation=refusal.correlation, fault=fault)
    if code in _SALES_PRIVILEGE or status in (401, 403) or _PRIVILEGE.search(refusal.text):
        return _identity_refused("sales", refusal, message)
    if code == _SALES_EXPIRED_TOKEN:
        return ExpiredToken(message, system="sales", correlation=refusal.correlation)
    if code in _SALES_CONFLICT or status in (409, 412):
        return Conflict(message, system="sales", correlation=refusal.correlation, fault=fault)
    if code in _SALES_MISSING:
        return MissingRow(message, system="sales", correlation=refusal.correlation, fault=fault)
    if code in _SALES_CONFIG:
        return _misconfigured("sales", refusal, message)
    return _by_status("sales", refusal, message, fault)


def classify_finops(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """Give the error that a refusal of F&O is. The message is the Infolog's reason, without what surrounds it."""
    refusal = read(status, headers, body)
    text, message = refusal.text, _spoken("finops", refusal, tuple(reasons(refusal.texts)))
    fault = Fault(field=_field(_FINOPS_FIELD, text))
    if _asks_for_less(refusal):
        return Throttled(message, retry_after=refusal.retry_after, system="finops", correlation=refusal.correlation)
    if status in (401, 403) or _WHOLE_TABLE.search(text):
        return _identity_refused("finops", refusal, message)
    if _ROW_GONE.search(text):
        return MissingRow(message, system="finops", correlation=refusal.correlation, fault=fault)
    if _EXISTS.search(text) or _UPDATE_CONFLICT.search(text) or status in (409, 412):
        return Conflict(message, system="finops", correlation=refusal.correlation, fault=fault)
    # A failing change set is a 500 whatever the reason; an Infolog means that business logic has spoken.
    if status >= 500 and "Infolog:" in text and not _DEADLOCK.search(text):
        return Validation(message, system="finops", correlation=refusal.correlation, fault=fault)
    return _by_status("finops", refusal, message, fault)


def of_whole_request(
    system: SystemName, error: Refused, status: int, headers: Mapping[str, str], body: bytes
) -> Refused:
    """`error`, or AuthError where a read or a whole batch is rejected for the user who sends it.

    Both systems may say so with 400. Inside a batch the same words can be about another user (the owner of a record),
    so they concern one document there.
    """
    if not isinstance(error, Validation):
        return error
    refusal = read(status, headers, body)
    if refusal.code.lower() == _SALES_DISABLED or _CALLER.search(refusal.text):
        return _identity_refused(system, refusal, str(error))
    return error


def reasons(texts: tuple[str, ...]) -> Iterator[str]:
    """Give the sentences of the innermost Infolog that say why, or of the innermost message without one."""
    logs = [text for text in texts if "Infolog:" in text]
    source = logs[-1].split("Infolog:", 1)[1] if logs else (texts[-1] if texts else "")
    sentences = [_LEVEL.sub("", part.strip()) for part in source.split(";")]
    kept = [sentence for sentence in sentences if sentence and not _NOISE.match(sentence)]
    for sentence in dict.fromkeys(kept or [sentence for sentence in sentences if sentence]):
        yield re.sub(r"\.{2,}$", ".", sentence)


def _by_status(system: SystemName, refusal: Refusal, message: str, fault: Fault) -> Refused:
    """What codes and texts of one system leave open."""
    status, correlation = refusal.status, refusal.correlation
    if _is_servicing(refusal):
        down = f"{NAMES[system]} is down for maintenance (it answers {status} with a page, not with data)"
        return Transient(
            f"{down}: {refusal.text}" if refusal.text else f"{down}.", system=system, correlation=correlation
        )
    if _DEADLOCK.search(refusal.text):
        return Transient(message, system=system, correlation=correlation)
    if _UNKNOWN_NAME.search(refusal.text) or _BAD_QUERY.search(refusal.text) or 300 <= status < 400:
        return _misconfigured(system, refusal, message)
    if status == 404:
        # The web server answers for an address it does not know, the service for a row it does not have.
        known = refusal.is_odata or (system == "finops" and not refusal.texts)
        if not known:
            return _misconfigured(system, refusal, message)
        return MissingRow(message, system=system, correlation=correlation, fault=fault)
    if status == 408 or status >= 500 or status < 300:
        return Transient(message, system=system, correlation=correlation)
    permanent = refusal.code.lower() in _SALES_PERMANENT
    return Validation(message, permanent=permanent, system=system, correlation=correlation, fault=fault)


def _is_servicing(refusal: Refusal) -> bool:
    """Whether the answer is the page of an environment under maintenance, or a redirect to it."""
    if 300 <= refusal.status < 400:
        return _SERVICING.search(refusal.location) is not None
    return refusal.is_page and (refusal.status == 503 or _SERVICING.search(refusal.text) is not None)


def _asks_for_less(refusal: Refusal) -> bool:
    if refusal.status == 429 or (refusal.status == 503 and refusal.retry_after is not None):
        return True
    return refusal.status >= 400 and _TOO_MUCH.search(refusal.text) is not None


def _misconfigured(system: SystemName, refusal: Refusal, message: str) -> ConfigError:
    found = _UNKNOWN_NAME.search(refusal.text)
    hint = ""
    if found is not None:
        name = next(filter(None, found.groups()), "")
        hint = f"Correct the name {name!r} in the template or project file, or install what brings it."
    elif refusal.status == 404 or 300 <= refusal.status < 400:
        hint = f"Check the address of {NAMES[system]} and the names of its entities."
    return ConfigError(message + _ticket(refusal), hint=hint)


def _identity_refused(system: SystemName, refusal: Refusal, message: str) -> AuthError:
    hint = {
        "sales": "Check the application user of Sales and its security roles.",
        "finops": "Check that the client id is registered (Microsoft Entra applications) and its user has the roles.",
    }[system]
    whole = _WHOLE_TABLE.search(refusal.text) is not None and not _of_another_user(refusal.text)
    kind = PrivilegeMissing if whole else AuthError
    return kind(message + _ticket(refusal), hint=hint)


def _of_another_user(text: str) -> bool:
    """Whether Dataverse names another user than the caller as the one who lacks a privilege: the owner of a record."""
    principal, caller = _PRINCIPAL.search(text), _BEHIND_THE_CALL.search(text)
    return principal is not None and caller is not None and principal[1].lower() != caller[1].lower()


def _ticket(refusal: Refusal) -> str:
    number = refusal.correlation.request_id or refusal.correlation.activity_id
    return f" (request {number})" if number else ""


def _spoken(system: SystemName, refusal: Refusal, texts: tuple[str, ...]) -> str:
    """The message for a person: the service's own words, or what can be said without any."""
    said = " ".join(texts)
    if said:
        return said if refusal.is_odata else f"{NAMES[system]} answered {refusal.status}: {said}"
    return f"{NAMES[system]} answered {refusal.status} without a reason."


def _field(patterns: tuple[re.Pattern[str], ...], text: str) -> str:
    for pattern in patterns:
        if found := pattern.search(text):
            return found.group(1)
    return ""
