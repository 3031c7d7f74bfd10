"""What is set for servers."""
