"""Every amount, quantity and date of a template's entities is mapped, or left out with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from p2c.errors import ConfigError
from p2c.templates import coverage
from p2c.templates.load import builtin_templates, parse_template

TEMPLATES = builtin_templates()
COMPARED = {"OrderTotalAmount", "TotalInvoiceAmount", "QuotationTotalAmount", "totalamount"}
"""The totals that the invariant compares."""


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_figure_is_mapped_or_left_out_with_a_reason(template: str) -> None:
    assert list(coverage.unaccounted(TEMPLATES[template])) == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_amount_is_written_from_the_total_that_it_is_compared_with(template: str) -> None:
    fields = [field for task in TEMPLATES[template].tasks for field in task.fields]
    assert fields
    assert COMPARED.isdisjoint({source for field in fields for source in field.sources})
    assert COMPARED.isdisjoint({field.destination for field in fields})


def raw_quotes() -> dict[str, Any]:
    raw: dict[str, Any] = json.loads(TEMPLATES["quotes"].model_dump_json(by_alias=True))
    return raw


def test_a_figure_that_loses_its_field_is_found() -> None:
    raw = raw_quotes()
    line = raw["tasks"][1]
    line["fields"] = [field for field in line["fields"] if field["destination"] != "FixedPriceCharges"]
    found = list(coverage.unaccounted(parse_template(raw, "quotes.json")))
    assert found == [("destination", "CDSSalesQuotationLines", "FixedPriceCharges")]


@pytest.mark.parametrize(
    ("left_out", "message"),
    [
        ({"LineAmout": "F&O computes it"}, "Did you mean 'LineAmount'"),
        ({"SalesUnitSymbol": "a text"}, "no amount, quantity or date is named 'SalesUnitSymbol'"),
        ({"LineAmount": " "}, "say why 'LineAmount' is left out"),
    ],
)
def test_a_wrong_name_and_a_missing_reason_are_mistakes(left_out: dict[str, str], message: str) -> None:
    raw = raw_quotes()
    raw["tasks"][1]["leftOut"]["destination"] = left_out
    with pytest.raises(ConfigError) as caught:
        parse_template(raw, "quotes.json")
    assert message in str(caught.value)


def test_a_mapped_figure_is_not_described_as_left_out() -> None:
    quotes = TEMPLATES["quotes"]
    raw = raw_quotes()
    raw["tasks"][1]["leftOut"]["destination"] = {"*": "everything else"}
    changed = parse_template(raw, "quotes.json")
    found = coverage.left_out(changed, changed.tasks[1], "destination")
    assert "LineAmount" in found
    assert "SalesPrice" not in found
    assert set(found) == set(coverage.left_out(quotes, quotes.tasks[1], "destination"))
