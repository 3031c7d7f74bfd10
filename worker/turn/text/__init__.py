"""What a model's text becomes: its own reply, apart from thoughts, copied scaffolding and other people's lines. Pure and linear."""
