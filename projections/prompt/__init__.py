"""What a model is told, one file per section; `assemble` holds the order: what changes least comes first."""
