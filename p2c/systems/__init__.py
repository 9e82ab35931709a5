"""The two ends: how Sales and Finance and Operations are read and written."""
