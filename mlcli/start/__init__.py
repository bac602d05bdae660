"""A first day's work: a configuration and its schema written for the user."""
