"""What every other package builds on: files, processes, Keras, types."""
