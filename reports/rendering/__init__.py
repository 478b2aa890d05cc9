"""Charts, numbers and text, shared by all reports."""
