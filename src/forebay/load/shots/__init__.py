"""Every single shot on record: a file that the processes of the cannon write, and the forms that other tools read."""
