"""Rows as the two systems deliver them, in flat form, for the builtin templates; tests change what they are about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from p2c.documents import Row, SourceDocument

D = Decimal
CUSTOMER = "customerid.Account(accountnumber).Contact(msdynce_contactnumber)"


def document(
    key: str, header: Row, source_id: str = "id-1", legal_entity: str = "usmf", **lines: Sequence[Row]
) -> SourceDocument:
    return SourceDocument(key, source_id, header, lines, etag='W/"1"', legal_entity=legal_entity)


def changed(row: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, **changes}


ACCOUNT: Row = {
    "accountnumber": "ACC-01000-BVRCPS",
    "name": "Contoso Entertainment System of Northern Europe",
    "transactioncurrencyid.isocurrencycode": "USD",
    "creditlimit": D("25000.0000"),
    "numberofemployees": 120,
    "emailaddress1": "info@contoso.example",
    "telephone1": "+49 30 1234567",
    "fax": None,
    "websiteurl": "https://contoso.example",
    "address1_line1": "Hauptstraße 1",
    "address1_line2": "",
    "address1_line3": "Hinterhaus",
    "address1_city": "Berlin",
    "address1_stateorprovince": None,
    "address1_postalcode": "10115",
    "address1_country": "Germany",
    "address1_name": None,
    "address2_country": None,
    "description": "Pays late 😀",
}

CONTACT: Row = {
    "msdynce_contactnumber": "CON-01000-KJHGFD",
    "parentcustomerid.Account(accountnumber)": "ACC-01000-BVRCPS",
    "firstname": "Zoë",
    "middlename": None,
    "lastname": "Müller",
    "fullname": "Zoë Müller",
    "gendercode": 2,
    "familystatuscode": None,
    "birthdate": "1990-02-28",
    "donotpostalmail": True,
    "statecode": 0,
    "address1_country": "DE",
    "msdynce_isactivecustomer": False,
    "msdynce_iscompanyanaccount": True,
}

PRODUCT: Row = {
    "ProductNumber": "D0001",
    "ProductName": "MidRangeSpeaker",
    "ProductDescription": "",
    "ProductType": "Item",
    "SalesUnitSymbol": "ea",
    "SalesPrice": D("110.005"),
    "UnitCost": 0,
    "CurrencyCode": "USD",
    "IsStockedProduct": "Yes",
    "IsSalesStopped": "No",
}

SALES_LINE: Row = {
    "productid.productnumber": "D0001",
    "productid.name": "MidRangeSpeaker",
    "sequencenumber": 10,
    "quantity": D("3.00000"),
    "uomid.name": "Primary Unit",
    "priceperunit": D("110.01"),
    "manualdiscountamount": D("10.0000"),
    "description": None,
    "requestdeliveryby": None,
}

QUOTE: Row = {
    "quotenumber": "QUO-01005-P6Y2N4",
    "revisionnumber": 0,
    "name": "Speakers",
    CUSTOMER: "ACC-01000-BVRCPS",
    "transactioncurrencyid.isocurrencycode": "USD",
    "description": "Ordered by phone. " * 5,
    "requestdeliveryby": "2026-07-22T22:00:00Z",
    "effectiveto": None,
    "shipto_line1": "Hauptstraße 1",
    "shipto_country": None,
    "msdynce_hasexternallymaintainedproductsonly": True,
    "statecode": 1,
    "statuscode": 2,
}
QUOTE_LINE: Row = {**SALES_LINE, "quoteid.quotenumber": "QUO-01005-P6Y2N4"}

ORDER: Row = {
    "ordernumber": "ORD-01002-H1J3K5",
    "name": "Speakers",
    CUSTOMER: "CON-01000-KJHGFD",
    "transactioncurrencyid.isocurrencycode": "JPY",
    "description": None,
    "requestdeliveryby": "2026-07-22T22:00:00Z",
    "submitdate": None,
    "quoteid.quotenumber": "QUO-01005-P6Y2N4",
    "shipto_country": "United Kingdom",
    "msdynce_hasexternallymaintainedproductsonly": True,
    "msdynce_processingstatus": 647390000,
    "statecode": 0,
}
ORDER_LINE: Row = {**SALES_LINE, "salesorderid.ordernumber": "ORD-01002-H1J3K5", "manualdiscountamount": D(1000)}

FINOPS_ORDER: Row = {
    "SalesOrderNumber": "ORD-01002-H1J3K5",
    "SalesOrderName": "Speakers",
    "OrderingCustomerAccountNumber": "CON-01000-KJHGFD",
    "CurrencyCode": "USD",
    "CustomersOrderReference": "",
    "RequestedShippingDate": "2026-07-23T12:00:00Z",
    "PaymentTermsBaseDate": "1900-01-01T12:00:00Z",
    "ConfirmedShippingDate": "2026-12-24T12:00:00Z",
    "QuotationNumber": "",
    "DeliveryAddressCountryRegionISOCode": "GB",
    "InvoiceAddressCountryRegionISOCode": "DE",
    "SalesOrderProcessingStatus": "Delivered",
    "ArePricesIncludingSalesTax": "No",
    "TotalDiscountAmount": 0,
    "OrderTotalChargesAmount": D("13.18"),
    "OrderHeaderTaxAmount": D("2.505"),
    "OrderTotalTaxAmount": D("23.409"),
    "OrderTotalAmount": D("356.61"),
    "OrderingCustomerIsExternallyMaintained": "Yes",
    "InvoiceCustomerIsExternallyMaintained": "Yes",
    "AreTotalsUpdated": "Yes",
    "SalesOrderOriginType": "NotSpecified",
}
FINOPS_LINE: Row = {
    "SalesOrderNumber": "ORD-01002-H1J3K5",
    "LineCreationSequenceNumber": 10,
    "ProductNumber": "D0001",
    "OrderedSalesQuantity": D("3"),
    "SalesUnitSymbol": "ea",
    "SalesPrice": D("1100.05"),
    "SalesPriceQuantity": D("10"),
    "LineDiscountAmount": D("3.33"),
    "FixedPriceCharges": D("-0.01"),
    "LineAmount": D("320.02"),
    "TotalChargesAmount": 0,
    "TotalTaxAmount": D("20.904"),
    "LineDescription": "",
    "RequestedReceiptDate": "1900-01-01T12:00:00Z",
    "AreSalesOrderTotalsUpdated": "Yes",
}

INVOICE: Row = {
    "InvoiceNumber": "CIV-000717",
    "InvoiceDate": "2026-07-23T12:00:00Z",
    "LedgerVoucher": "ARP00001",
    "SalesOrderNumber": "ORD-01002-H1J3K5",
    "InvoiceCustomerAccountNumber": "ACC-01000-BVRCPS",
    "CurrencyCode": "USD",
    "InvoiceAddressStreet": "Hauptstraße 1",
    "InvoiceAddressCountryRegionISOCode": "DE",
    "TotalChargeAmount": D("12.99"),
    "TotalDiscountAmount": D("29.97"),
    "TotalDiscountCustomerGroupCode": 0,
    "TotalTaxAmount": D("62.70"),
    "InvoiceHeaderTaxAmount": 0,
    "TotalInvoiceAmount": D("1035.81"),
    "CustomersOrderReference": "",
    "SalesOrderOriginType": "NotSpecified",
}
INVOICE_LINE: Row = {
    "InvoiceNumber": "CIV-000717",
    "InvoiceDate": "2026-07-23T12:00:00Z",
    "LedgerVoucher": "ARP00001",
    "LineCreationSequenceNumber": 10,
    "ProductNumber": "D0001",
    "ProductName": "MidRangeSpeaker",
    "SalesUnitSymbol": "ea",
    "InvoicedQuantity": D("3"),
    "SalesPrice": D("110.01"),
    "LineAmount": D("320.03"),
    "LineTotalDiscountAmount": D("9.99"),
    "LineTotalChargeAmount": D("-0.01"),
    "LineTotalTaxAmount": D("20.9"),
    "ProductDescription": "",
    "ConfirmedShippingDate": "2026-07-20T12:00:00Z",
}
