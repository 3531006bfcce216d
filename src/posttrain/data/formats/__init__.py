"""Row conventions: from the columns of a row to an example."""
