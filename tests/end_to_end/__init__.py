"""Tests of whole runs between both sandboxes."""
