"""Rows about calls to providers: who pays, what a provider may do wrong, how long anybody waits."""
