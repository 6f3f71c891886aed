"""Profiles: how many shots a second, as functions of time, and the exact instants that follow from them."""
