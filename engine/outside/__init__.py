"""What comes from outside: strings made storable, reported errors sorted, settings as people write them, secrets left out."""
