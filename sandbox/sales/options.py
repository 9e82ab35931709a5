"""How a Sales sandbox behaves where environments differ or the public record is silent.

Each field is a switch; its default is the likely position. Assign fields before the service is made, unless the field
says that it may change while the service runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Reaction = Literal["ignore", "refuse"]


@dataclass
class SalesOptions:
    """The switches of one Sales environment."""

    # --- the solution and the organization
    solution: bool = True
    """Microsoft's Prospect-to-cash solution is installed: its columns exist and its plug-ins run."""
    solution_version: str = "15.0.0.1"
    account_number_key: bool = False
    """The alternate key msdynce_AccountNumber on account, which older versions of the solution had."""
    alternate_keys: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    """Further alternate keys that a customizer defined: table → keys → columns."""
    version: str = "9.2.24064.00152"
    system_pricing: bool = True
    """organization.oobpricecalculationenabled."""
    discount_per_unit: bool = False
    """organization.discountcalculationmethod: False is Line item (0), True is Per unit (1)."""
    volume_discount_per_unit: bool = True
    """volumediscountamount is per unit and baseamount contains it, as the columns' descriptions say; False: it is for
    the whole line and taken off after baseamount."""
    bundle_components_priced: bool = False
    """The lines of a bundle's required products have their list prices; False: 0, the bundle's price covers them."""
    create_products_active: bool = False
    """organization.createproductswithoutparentinactivestate; False: a new product is a Draft."""
    pricing_decimals: int = 2
    """organization.pricingdecimalprecision, 0 to 4; prices per unit are rounded to it."""
    base_currency: str = "USD"
    administrators: frozenset[str] = frozenset()
    """Users with the role System Administrator, who may update records in read-only states."""

    # --- change tracking
    not_tracked: frozenset[str] = frozenset()
    """Tables that are not enabled for change tracking. Which sales tables ship enabled is not known."""
    tracking_days: int = 7
    """organization.expirechangetrackingindays."""
    expired_token_status: int = 400
    annotations_hide_delta_link: bool = True
    """Asking for annotations as well makes the delta link vanish from the last page (seen in 2019)."""

    # --- writing
    statecode_on_create: Reaction = "refuse"
    """What a statecode in a create meets where the column is not valid for create."""
    invalid_columns: Reaction = "ignore"
    """What any other column meets that is not valid for create or update."""
    negative_discounts: bool = False
    """Discount and freight amounts of documents take a minimum of -10^12, as with Microsoft's Supply Chain solution
    installed (table pages of 2024); False: a minimum of 0 (table pages of 2023)."""
    money_rounded_silently: bool = True
    """Too many decimals of an amount are rounded; False: they are refused as out of range."""
    no_bulk_messages: frozenset[str] = frozenset({"productpricelevel"})
    """Tables without CreateMultiple, UpdateMultiple and UpsertMultiple."""
    no_versions: frozenset[str] = frozenset()
    """Tables without optimistic concurrency: an If-Match with a version is refused. Which ones have it is not known."""
    batch_throttle_every: int | None = None
    """Every n-th operation inside a batch is answered 429. May change while the service runs."""
    missing_privileges: frozenset[str] = frozenset()
    """Privileges such as `prvCreateProduct` that callers lack. May change while the service runs."""
    owners_without_privileges: frozenset[str] = frozenset()
    """Ids of users who may read no record, so that none can be given to them."""
    disabled_owners: Literal["refuse", "take"] = "refuse"
    """What a record meets that is given to a user who is disabled. Which of the two is not known."""
    disabled_user_status: int = 403
    """The status of answers to an integration user who is disabled: 400, 401 or 403. Which one is not known."""
    in_values: int = 2000
    """How many values Microsoft.Dynamics.CRM.In takes."""

    # --- states
    submitted_order_lines_editable: bool = True
    order_invoiced_by_update: bool = False
    """PATCH may set an order to Invoiced."""
    invoice_canceled_by_update: bool = True
    """PATCH may set an invoice to Canceled."""
    revive_by_update: bool = False
    """PATCH may take a fulfilled, canceled or invoiced order, or a paid or canceled invoice, back to Active."""
    retired_product_to_active: bool = False

    # --- signals
    parallelism_hint: int = 4
    """The header x-ms-dop-hint."""
