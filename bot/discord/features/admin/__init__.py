"""`/admin`."""
