"""`/memory`: what is remembered of a person, in their own hands."""
