"""What happens to conversations of the playground."""
