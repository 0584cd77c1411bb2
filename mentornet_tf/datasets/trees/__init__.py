"""Large data sets as trees of image files: which images, with which labels.

A user's own images: `folders` or `tables`, then `splits`. WebVision:
`webvision`, with its classes in `wordnet_classes`. ImageNet's validation set:
`imagenet`, from `imagenet_sources` or `imagenet_tfds`, with labels from
`imagenet_ground_truth`.
"""
