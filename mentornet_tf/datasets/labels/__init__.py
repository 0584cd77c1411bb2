"""Labels: noise, given label files, matching them with images."""
