"""What a run leaves: its figures, its file, and what they are held to."""
