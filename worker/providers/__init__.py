"""Transport to model providers: HTTP, server-sent events, the OpenAI-compatible dialect."""
