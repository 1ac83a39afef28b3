"""Questions about videos: one record, and the importers that read it from the field's files."""
