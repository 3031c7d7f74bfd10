"""What goes into prompts besides what was said: lorebooks, and what of them runs on."""
