"""What may be spent on an answer, and on which model: the rules of the one door to a call that costs (docs/models.md)."""
