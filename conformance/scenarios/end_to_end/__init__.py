"""Whole clients: the guide's examples, one example of each feature, and black-box scenarios."""
