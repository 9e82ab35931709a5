"""What both servers share: HTTP service, batch bodies, storage, query options, launching."""
