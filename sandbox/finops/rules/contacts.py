"""Contact persons of a customer."""

from __future__ import annotations

from sandbox.finops.infolog import must_be_filled, not_found, refused
from sandbox.finops.rules.base import Rules, Values, Write, settle_country
from sandbox.wire.store import Row


class ContactRules(Rules):
    """A contact belongs to a party that is a customer of the company: named by party number, or (V2) by account."""

    table = "ContactPerson"

    def prepare(self, write: Write, given: Values) -> Row:
        """Finds the customer by what was given and fills in the other way to name it."""
        row = dict(given)
        customer = self._customer(write, row)
        row["AssociatedPartyNumber"] = customer["PartyNumber"]
        row["AssociatedContactType"] = "Customer"
        row["AssociatedContactNumber"] = customer["CustomerAccount"]
        row["ContactPersonPartyType"] = "Person"
        if not row.get("ContactPersonPartyNumber"):
            row["ContactPersonPartyNumber"] = write.books.next_number("", "party", "{:09}")
        if not row.get("FirstName") and not row.get("LastName"):
            raise must_be_filled("First name")
        row["ContactPersonId"] = row.get("ContactPersonId") or write.books.next_number(
            write.company, "contact", "{:06}"
        )
        settle_country(write, row, "PrimaryAddress")
        return row

    def revise(self, write: Write, row: Row, given: Values) -> Values:
        """A contact stays with its customer and keeps a name."""
        after = {**row, **given}
        if not after["FirstName"] and not after["LastName"]:
            raise must_be_filled("First name")
        for name in ("AssociatedPartyNumber", "AssociatedContactNumber", "AssociatedContactType"):
            if name in given and given[name].lower() != row[name].lower():
                raise refused("The association of a contact cannot be changed.")
        changes = dict(given)
        settle_country(write, changes, "PrimaryAddress")
        return changes

    def _customer(self, write: Write, row: Values) -> Row:
        if "AssociatedContactNumber" in row:
            number = row["AssociatedContactNumber"]
            kind = row.get("AssociatedContactType", "Customer")
            found = write.books.get("CustTable", write.company, number) if kind == "Customer" else None
            if found is None:
                raise not_found(number, "Associated contact", "Customers", write.field("AssociatedContactNumber"))
            return found
        party = row.get("AssociatedPartyNumber", "")
        if not party:
            raise must_be_filled("Associated party number")
        customers = write.books.rows("CustTable", dataAreaId=write.company, PartyNumber=party)
        if not customers:
            raise not_found(
                party, "Associated party number", "Global address book", write.field("AssociatedPartyNumber")
            )
        return customers[0]
