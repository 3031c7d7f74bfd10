"""One turn, from its request to its one end."""
