"""From the user's table to the rows of a design."""
