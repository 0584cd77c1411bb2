"""What training remembers of each example: averages over its visits."""
