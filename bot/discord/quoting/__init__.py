"""What a message points to: read with the permissions of whoever points there (A8)."""
