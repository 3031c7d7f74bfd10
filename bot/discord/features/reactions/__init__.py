"""`/reactions`: which emoji on a reply does what."""
