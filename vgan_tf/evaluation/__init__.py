"""What is audited: a run, its exported files, or anyone's folders, as a dump of arrays."""
