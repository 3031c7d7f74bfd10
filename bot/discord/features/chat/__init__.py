"""`/chat` and `/random`: talk with a character, or let it join in."""
