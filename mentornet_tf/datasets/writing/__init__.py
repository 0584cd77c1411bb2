"""From images and labels to records."""
