"""Joint training: the mentor learns from its student."""
