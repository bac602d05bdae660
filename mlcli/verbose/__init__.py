"""What --verbose tells: each step in the course's words, with this run's own numbers."""
