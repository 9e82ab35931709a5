"""What a person asks of p2c: run, status, report, reconcile."""
