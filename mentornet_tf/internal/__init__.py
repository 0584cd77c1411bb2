"""What every room builds on: files, processes, figures, user functions."""
