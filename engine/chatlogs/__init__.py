"""Chat logs of other programs: read from any form they come in, written as SillyTavern's, Markdown and HTML. Pure."""
