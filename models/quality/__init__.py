"""Measures what the vectors of a running elmo-server are good for."""
