"""The files of the pages: templates, style sheet and scripts; the app itself serves all of them."""
