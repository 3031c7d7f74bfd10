"""Read models: tables that are a fold of the log, and the functions that read them."""
