"""What an archive shows besides its events, for people and other programs to read."""
