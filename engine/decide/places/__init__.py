"""What is set for servers, and which of them the bot serves."""
