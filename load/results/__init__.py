"""Result files of the load generator, and `load.json`."""
