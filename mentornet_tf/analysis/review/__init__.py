"""Review pages: a ranking of labels to look through and decide on."""
