"""What reactions do where, and what people think of replies."""
