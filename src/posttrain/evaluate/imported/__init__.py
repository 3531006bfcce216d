"""Results of other evaluation tools, read into the form of a suite's results and samples."""
