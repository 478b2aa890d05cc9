"""Checks of authorization by the user, and of the tokens that it yields."""
