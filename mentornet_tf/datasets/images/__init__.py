"""Image files: decoding, listing, archives."""
