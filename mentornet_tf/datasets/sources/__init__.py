"""Small-image data sets that are read into memory."""
