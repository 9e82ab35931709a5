"""Breaks runs in every way that can be thought of and compares what is left with a run that nobody disturbed."""
