"""Load profiles and budgets (TOML), and their readers."""
