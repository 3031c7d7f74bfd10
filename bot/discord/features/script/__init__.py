"""Notes and ready-made rules by command."""
