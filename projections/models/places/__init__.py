"""What holds for servers and people: read models of their settings, and what they are told."""
