"""Countries that addresses may name: ISO code to the three-letter id that the application's demo data uses."""

from __future__ import annotations

_PAIRS = (
    "AE:ARE AR:ARG AT:AUT AU:AUS BE:BEL BG:BGR BR:BRA CA:CAN CH:CHE CL:CHL CN:CHN CO:COL CY:CYP CZ:CZE DE:DEU DK:DNK "
    "EE:EST EG:EGY ES:ESP FI:FIN FR:FRA GB:GBR GR:GRC HK:HKG HR:HRV HU:HUN ID:IDN IE:IRL IL:ISR IN:IND IS:ISL IT:ITA "
    "JP:JPN KE:KEN KR:KOR LT:LTU LU:LUX LV:LVA MA:MAR MT:MLT MX:MEX MY:MYS NG:NGA NL:NLD NO:NOR NZ:NZL PE:PER PH:PHL "
    "PL:POL PT:PRT RO:ROU RS:SRB SA:SAU SE:SWE SG:SGP SI:SVN SK:SVK TH:THA TR:TUR TW:TWN UA:UKR US:USA UY:URY VE:VEN "
    "VN:VNM ZA:ZAF"
)

COUNTRIES: dict[str, str] = dict(pair.split(":") for pair in _PAIRS.split())
ISO_BY_ID: dict[str, str] = {country: iso for iso, country in COUNTRIES.items()}
