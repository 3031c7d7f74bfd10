"""Servers of tools that others wrote, over the Model Context Protocol: started or connected to, asked, and bounded in all they do.

The library that speaks the protocol is an extra, and is imported when the first server is needed.
"""
