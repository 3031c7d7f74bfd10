"""The read models: one file is its tables, what changes them and what reads them."""
