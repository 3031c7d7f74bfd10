"""How answers become visible, the same in every venue: reconcile is pure, the deliverer carries it out."""
