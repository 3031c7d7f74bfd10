"""The log and its rules. Knows no Discord, no HTTP and no model."""
