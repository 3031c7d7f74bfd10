"""`/persona`: who people can be for characters. What makes and changes one is in `resources`."""
