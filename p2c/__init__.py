"""Keeps Dynamics 365 Sales and Dynamics 365 Finance and Operations in agreement."""
