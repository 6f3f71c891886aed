"""Ammunition: what is shot, from files of every usual format, from Python, or built in; `notation.ammo_of` finds it."""
