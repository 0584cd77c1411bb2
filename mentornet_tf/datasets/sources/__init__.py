"""Small-image data sets that are read into memory.

`registry` finds them by name: `digits`, and CIFAR from `cifar_archives` or
`cifar_tfds`; all give the `SourceImages` of `base`.
"""
