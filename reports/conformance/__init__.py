"""Reports of conformance runs: model, terminal, HTML, Markdown, JUnit, SARIF, badge."""
