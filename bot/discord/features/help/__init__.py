"""`/help` and `/changelog`."""
