"""What the application does when a row is created, changed or removed: defaults, checks, and what follows from it."""
