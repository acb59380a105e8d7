"""Reports: one file a format. Each is pure: a document in, bytes out."""
