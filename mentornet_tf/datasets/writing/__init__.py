"""From images and labels to record sets.

`in_memory` writes the small data sets of `sources`, through `record_set`.
`conversion` converts the lists of `trees`: a `plan`, whose `shard`s `runners`
convert, and a `report`. Both write into the work folder of `staging`.
"""
