"""A small template of each direction, as JSON, for tests to spoil."""

from __future__ import annotations

import copy
from typing import Any

from p2c.errors import ConfigError
from p2c.templates.load import parse_template
from p2c.templates.project import Project, effective_templates, parse_project

Json = dict[str, Any]

TO_FINOPS: Json = {
    "id": "our-quotes",
    "name": "Our quotes",
    "from": "sales",
    "to": "finops",
    "family": "quotes",
    "tasks": [
        {
            "name": "Header",
            "source": {"entity": "quotes", "key": ["quotenumber"]},
            "destination": {"entity": "CDSSalesQuotationHeaders", "key": ["SalesQuotationNumber"]},
            "fields": [{"source": "quotenumber", "destination": "SalesQuotationNumber"}],
        },
        {
            "name": "Line",
            "parent": "Header",
            "source": {"entity": "quotedetails", "key": ["sequencenumber"], "link": {"quoteid": "quoteid"}},
            "destination": {
                "entity": "CDSSalesQuotationLines",
                "key": ["SalesQuotationNumber", "LineCreationSequenceNumber"],
                "link": {"SalesQuotationNumber": "SalesQuotationNumber"},
            },
            "fields": [
                {"source": "quoteid.quotenumber", "destination": "SalesQuotationNumber"},
                {"source": "sequencenumber", "destination": "LineCreationSequenceNumber"},
            ],
        },
    ],
}

TO_SALES: Json = {
    "id": "our-invoices",
    "name": "Our invoices",
    "from": "finops",
    "to": "sales",
    "family": "invoices",
    "tasks": [
        {
            "name": "Header",
            "source": {"entity": "ExternallyMaintainedCustomerSalesInvoiceHeaders", "key": ["InvoiceNumber"]},
            "destination": {"entity": "invoices", "key": ["invoicenumber"]},
            "fields": [{"source": "InvoiceNumber", "destination": "invoicenumber", "on": "create"}],
        },
        {
            "name": "Line",
            "parent": "Header",
            "source": {
                "entity": "ExternallyMaintainedCustomerSalesInvoiceLines",
                "key": ["LineCreationSequenceNumber"],
                "link": {"InvoiceNumber": "InvoiceNumber"},
            },
            "destination": {"entity": "invoicedetails", "key": ["sequencenumber"], "link": {"invoiceid": "invoiceid"}},
            "fields": [{"source": "LineCreationSequenceNumber", "destination": "sequencenumber"}],
        },
    ],
}


def to_finops() -> Json:
    """A right template from Sales to F&O, one's own copy."""
    return copy.deepcopy(TO_FINOPS)


def to_sales() -> Json:
    """A right template from F&O to Sales, one's own copy."""
    return copy.deepcopy(TO_SALES)


def problems(raw: Json) -> list[tuple[str, str]]:
    """Pointer and message of every problem that loading the template finds."""
    try:
        parse_template(raw, "our.json")
    except ConfigError as error:
        return [(problem.pointer, problem.message) for problem in error.problems]
    return []


def project(**more: Any) -> Project:
    """A project of one legal entity."""
    raw = {
        "name": "Contoso",
        "connectionSet": {
            "sales": {"url": "https://contoso.crm.dynamics.com"},
            "finops": {"url": "https://contoso.operations.dynamics.com"},
            "legalEntities": {"usmf": {}},
        },
    }
    return parse_project({**raw, **more})


def project_problems(raw: Project) -> list[tuple[str, str]]:
    """Pointer and message of every problem that the project's changes make."""
    try:
        effective_templates(raw)
    except ConfigError as error:
        return [(problem.pointer, problem.message) for problem in error.problems]
    return []
