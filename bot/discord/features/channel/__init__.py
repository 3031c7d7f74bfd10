"""`/channel`."""
