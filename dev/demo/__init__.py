"""Deputy on a laptop: everything real but Linear, the forge and the language model."""
