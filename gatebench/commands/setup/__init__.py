"""Commands that prepare a run: descriptor, machine, mocks, images, third-party gateways, shell completion."""
