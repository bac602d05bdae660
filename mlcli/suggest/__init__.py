"""A first config from data."""

# That training may take where no other time is asked for.
MINUTES = 2.0
