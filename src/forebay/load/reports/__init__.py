"""Reports of a run, made of its file: for people, for programs, and in the forms of other tools."""
