"""Labels to train on.

`noise` makes labels noisy at random; `files` reads labels and `matching`
assigns them to images; `label_noise` is the choice between the two.
"""
