"""What synchronising costs: requests, seconds, processor time and memory, measured on the sandbox."""
