"""Listeners to events: metrics, logs, the live view."""
