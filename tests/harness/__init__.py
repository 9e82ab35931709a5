"""Tests of the harness, and short lives in bad weather."""
