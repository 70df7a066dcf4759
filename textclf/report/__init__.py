"""A run's report.html, and a page that compares two runs; made of the runs' files alone."""
