"""What is, not what happened: leases, drafts, heartbeats. Never rebuilt from the log."""
