"""Output formats of a report: terminal, HTML, Markdown, JUnit, SARIF, badge."""
