"""What of the site comes from the program itself."""
