"""Rules for what goes into prompts besides what was said: lorebooks, notes, directives, tools."""
