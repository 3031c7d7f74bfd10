"""What comes from outside: strings made storable, and reported errors sorted."""
