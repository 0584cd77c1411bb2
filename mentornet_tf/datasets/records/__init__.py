"""TFRecords: the format, and what lies on disk.

`schema` encodes and decodes one record; `shards` names, finds and writes files;
`framing` and `index` find records within them; `inspection` and `verification`
name damaged ones.
"""
