"""What is remembered between runs, and the stores it lies in: checkpoints, ledger, waiting documents, runs, leases."""
