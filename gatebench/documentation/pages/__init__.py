"""The generated pages: one module for each, whose function returns the page as Markdown."""
