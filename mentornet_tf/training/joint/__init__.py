"""Joint training: the mentor is trained on the losses of its student."""
