"""Switches of the F&O server: every behaviour that the public record leaves open, set to what is likely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# Lengths of the fields' types in the standard application, as far as a document of prospect to cash touches them. The
# service publishes none, so these are assumed.
DEFAULT_LENGTHS: Mapping[str, int] = {
    "CustomerAccount": 20,
    "OrganizationName": 100,
    "NameAlias": 20,
    "PartyNumber": 40,
    "CustomerGroupId": 10,
    "PersonFirstName": 25,
    "PersonMiddleName": 25,
    "PersonLastName": 25,
    "PrimaryContactEmail": 255,
    "PrimaryContactPhone": 255,
    "PrimaryContactURL": 255,
    "AddressDescription": 60,
    "AddressStreet": 250,
    "AddressCity": 60,
    "AddressState": 10,
    "AddressCounty": 10,
    "AddressZipCode": 10,
    "DeliveryAddressDescription": 60,
    "DeliveryAddressName": 60,
    "DeliveryAddressStreet": 250,
    "DeliveryAddressStreetNumber": 20,
    "DeliveryAddressCity": 60,
    "DeliveryAddressState": 10,
    "DeliveryAddressStateId": 10,
    "DeliveryAddressCounty": 10,
    "DeliveryAddressCountyId": 10,
    "DeliveryAddressZipCode": 10,
    "ContactPersonPartyNumber": 40,
    "FirstName": 25,
    "MiddleName": 25,
    "LastName": 25,
    "EmploymentProfession": 60,
    "EmploymentDepartment": 60,
    "PrimaryAddressStreet": 250,
    "PrimaryAddressCity": 60,
    "PrimaryAddressStateId": 10,
    "PrimaryAddressZipCode": 10,
    "SalesOrderNumber": 20,
    "SalesOrderName": 60,
    "SalesQuotationNumber": 20,
    "SalesQuotationName": 60,
    "CustomersOrderReference": 60,
    "CustomersReference": 60,
    "LineDescription": 1000,
    "ProductName": 255,
    "SalesUnitSymbol": 10,
}


@dataclass
class Options:
    """How the server takes what is not settled. Fields may be assigned while it runs."""

    default_company: str = "usmf"
    """Company of the calling user: what a request without cross-company=true sees."""
    page_size: int = 10_000
    """Rows of one page; the service's own is 10,000."""
    max_url_length: int | None = 8_000
    """Characters of path and query that the front end takes; None for no limit."""
    max_url_status: int = 414
    """Status for a longer URL: 414, 400 or 404."""
    check_if_match: bool = False
    """True: an If-Match that is not the row's ETag gives 412. False: the header is ignored."""
    text_order: bool = True
    """Whether gt, ge, lt and le compare text in a filter."""
    date_keys: bool = True
    """Whether a date in a key of a URL is understood."""
    line_change_touches_header: bool = False
    """Whether a change of a line writes the header row, and so moves its ETag."""
    totals_touch_header: bool = False
    """Whether the totals job writes the header row, and so moves its ETag."""
    duplicate_status: int = 400
    """Status of a POST of an existing key outside a batch: 400 or 500."""
    changeset_error_status: int | None = 500
    """Status of a failed change set's part; None for the status that the operation has by itself."""
    failed_changeset_in_multipart: bool = True
    """Whether a failed change set's answer stands inside a changesetresponse."""
    batch_stops_at_error: bool = False
    """Whether a failed part ends the batch: later parts then have no answer."""
    honours_continue_on_error: bool = True
    """Whether Prefer: odata.continue-on-error lets such a batch go on."""
    text_too_long: Literal["refuse", "truncate"] = "refuse"
    """What becomes of a text that is longer than its field."""
    lengths: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_LENGTHS))
    """Longest text by property name."""
    read_only_fields: Literal["refuse", "ignore"] = "refuse"
    """What becomes of a value for a field that the application computes."""
    refuse_zero_quantity: bool = True
    """Whether a line with quantity 0 is refused."""
    numbers_are_manual: bool = True
    """Number sequences of orders and quotations: manual (the caller gives the number), as prospect to cash asks."""
    quotation_must_exist: bool = False
    """Whether an order may only name a quotation that is there."""
    integration_origin: str = "NotSpecified"
    """Origin type of orders that come in through the API."""
    disabled_user_status: int = 401
    """The status of answers to an integration user who is disabled: 400, 401 or 403. Which one is not known."""
    no_access: frozenset[str] = frozenset()
    """Tables that the calling user may not write, such as `CustTable`."""
    blocked_customers_refused: bool = True
    """Whether an order for a customer on hold is refused."""
    line_number_from_sequence: bool = True
    """Whether a line without a number gets the next one."""
    line_amount_contains_fixed_charge: bool = True
    """Whether LineAmount of a line contains its FixedPriceCharges."""
    discounts_per_price_unit: bool = False
    """Whether discount amounts of a line are for as many units as its price (SalesPriceQuantity), or for one unit."""
    percentages_compound: bool = True
    """Whether the multiline percentage applies to what the line percentage left, or to the same amount."""
    order_discount_contains_lines: bool = True
    """Whether OrderTotalDiscountAmount holds the lines' discounts besides the header's."""
    order_charges_contain_fixed: bool = False
    """Whether TotalChargesAmount of an order line, and so OrderTotalChargesAmount, holds FixedPriceCharges as well."""
    canceled_lines: Literal["excluded", "counted", "zeroed"] = "excluded"
    """A cancelled line keeps LineAmount and is left out of the totals, keeps it and counts, or has 0."""
    invoice_discount_contains_lines: bool = True
    """True: TotalDiscountAmount of an invoice holds the lines' discounts besides the header's, which stands in
    TotalDiscountCustomerGroupCode. False: it holds the header's alone, and TotalDiscountCustomerGroupCode is 0."""
    invoice_charges_contain_fixed: bool = True
    """Whether LineTotalChargeAmount of an invoice line, and so TotalChargeAmount, holds the fixed charge as well."""
    invoice_line_amount_includes_tax: bool = False
    """Whether LineAmount of an invoice includes tax where the prices of its order do."""


@dataclass
class Faults:
    """Misfortunes to come, counted down as they happen."""

    gateway_errors: int = 0
    """Requests that the gateway answers with an HTML 502 before the service sees them."""
    lost_answers: int = 0
    """Requests that are carried out and then answered with an HTML 502."""
    resource_throttles: int = 0
    """Requests that are refused with 429 for high resource utilisation."""
    inner_throttles: int = 0
    """Parts of batches that are refused with 429 while the batch itself gives 200."""
    update_conflicts: int = 0
    """Updates that fail because another process wrote the row."""
    retry_after: int = 1
    """Seconds in the Retry-After of the two throttles."""

    def take(self, name: str) -> bool:
        """True once for each misfortune that is left under that name."""
        left: int = getattr(self, name)
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        return True
