"""The programs shipped with forebay: ordinary applications of its public API."""
