"""`/undo` and the button of the same name."""
