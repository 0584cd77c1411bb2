"""Student networks: the classifiers that a mentor trains."""
