"""From what a model wrote to what is delivered: thoughts set apart, scaffolding removed, repetitions noticed. Pure."""
