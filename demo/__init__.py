"""`make demo`: a whole company, synchronised both ways and checked, on this machine."""
