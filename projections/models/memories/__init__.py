"""What is remembered besides what was said, who may meet it, and what was computed of it."""
