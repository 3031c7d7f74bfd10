"""What operators watch: metrics of a process, traces across processes. Neither holds a person, a text or a key."""
