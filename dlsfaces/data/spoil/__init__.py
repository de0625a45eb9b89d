"""Photos that a collection would be better without, made of good ones."""
