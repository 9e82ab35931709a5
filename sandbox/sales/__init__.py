"""Dynamics 365 Sales as a local server: the Dataverse Web API with Sales' business logic and the P2C solution."""
