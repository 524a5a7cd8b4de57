"""What each command of `deputy` is composed of, and how it starts and ends."""
