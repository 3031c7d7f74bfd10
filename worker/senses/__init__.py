"""What people send besides words, made words: pictures."""
