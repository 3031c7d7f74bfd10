"""Events of what characters do and go by beside talking: tools, and files made for replies."""
