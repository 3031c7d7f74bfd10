"""`/server`."""
