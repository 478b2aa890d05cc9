"""Reports of runs of the official suite (`official.json`): terminal, HTML, Markdown, JUnit, and the comparison of two."""
