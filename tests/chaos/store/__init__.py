"""The store's own rows of the scorecard: one module per row, each with `async def run(trials, ...) -> dict`."""
