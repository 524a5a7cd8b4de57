"""Linear, a forge and a language model that run anywhere, for trying Deputy without an account."""
