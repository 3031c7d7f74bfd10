"""The command line, a face like the others. Commands live in each package's `commands.py`; `main` collects them."""
