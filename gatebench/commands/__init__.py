"""The commands of the command line, in folders by subject, one module for each command.

`gatebench.cli` imports the module of a command when the command is used. A command whose work takes long to import, or needs
an extra, imports it in its function, so that its `--help` and its usage errors do not wait for it.
"""
