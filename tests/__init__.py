"""Tests, and what they are made of: stand-ins, oracle, benches."""
