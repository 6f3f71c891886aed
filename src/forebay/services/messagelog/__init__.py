"""The message log: texts are saved as messages, and what a subscriber has received of them is listed."""
