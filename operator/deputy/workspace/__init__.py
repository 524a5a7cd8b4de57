"""The pod that an agent works in: built, merged with its template, read, and its logs kept."""
