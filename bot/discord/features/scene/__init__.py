"""`/scene`: who is there while something is said."""
