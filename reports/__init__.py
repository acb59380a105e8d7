"""Reports: a file for every format. Reports are pure functions: a document in, bytes out."""
