"""Attacks on kscale: kills, signals, races, bad surroundings, bad inputs, damage."""
