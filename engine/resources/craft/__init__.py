"""What goes into prompts besides the description, as people edit it: lorebooks and notes."""
