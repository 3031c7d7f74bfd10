"""`/me` and `/settings`: what a person sets for themselves."""
