"""A language model that says what a script says, in the dialects that coding agents speak."""
