"""Photos put together from people and places: scenes with many people, studio portraits, mosaics."""
