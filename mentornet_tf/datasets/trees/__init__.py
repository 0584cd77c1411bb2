"""Trees of image files: folders, tables, WebVision, ImageNet."""
