"""Rules for what is remembered, corrected and forgotten. Pure."""
