"""Tests of what a person asks of p2c."""
