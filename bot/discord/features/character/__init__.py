"""`/character`."""
