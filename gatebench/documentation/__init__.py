"""The reference pages of the documentation, which are generated from the code."""
