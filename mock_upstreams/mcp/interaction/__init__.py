"""Tools that ask the client, report while they run, or stream resumably: handshake era and input_required rounds."""
