"""Tests of a run: its parts alone, and together between two ends that live in memory."""
