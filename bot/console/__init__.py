"""The console: a web page with the playground, the event timeline, the turn inspector and health."""
