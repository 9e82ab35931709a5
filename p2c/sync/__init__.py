"""A run: documents are extracted, mapped, compared, loaded and settled."""
