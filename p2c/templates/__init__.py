"""What is synchronised: the templates, the models that check them, and the catalog of both systems' columns."""
