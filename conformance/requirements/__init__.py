"""The registry of requirements (TOML), and the modules that read it."""
