"""The machine, the processes and the mocks that a load runs on."""
