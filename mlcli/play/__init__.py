"""The Playground: a configuration of two inputs, changed while it is trained."""
