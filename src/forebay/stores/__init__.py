"""What the work leaves: results, kept exactly once."""
