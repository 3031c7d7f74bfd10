"""What reactions do, as people set it, and emojis as they give them."""
