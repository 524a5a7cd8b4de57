"""The operator's relay: events go out to it, messages and tokens come in."""
