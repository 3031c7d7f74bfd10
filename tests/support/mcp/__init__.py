"""A little MCP server of ours: as a process, and on loopback over HTTP."""
