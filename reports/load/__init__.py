"""Reports of `gatebench load`: terminal, HTML, JUnit."""
