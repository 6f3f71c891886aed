"""One file per broker; they do not know each other."""
