"""The commands: thin, a module each; they import their step when they run."""
