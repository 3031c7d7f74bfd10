"""`/history`: what characters know of what was said in a channel."""
