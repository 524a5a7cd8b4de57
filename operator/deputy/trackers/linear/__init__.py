"""Linear: parsing and documents without I/O, the client, and the one writer."""
