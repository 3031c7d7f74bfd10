"""A real language model on this machine's CPU for those who have connected none yet: small, loaded by the first message, gone when idle.

weights finds the file, gguf reads it, graph makes the ONNX model of it once; language: tokens in, tokens out; __main__ is the process
that holds it, pool starts, asks and ends that process, server is the OpenAI-compatible HTTP in front.
"""
