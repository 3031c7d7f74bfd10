"""`/character`, `/preset` and every other kind of thing that people edit: commands, dashboards and forms made of its fields."""
