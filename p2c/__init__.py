"""Keeps Dynamics 365 Sales and Dynamics 365 Finance and Operations in agreement."""

__version__ = "0.1.0"
