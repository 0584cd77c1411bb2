"""TFRecords: schema, shards, index, inspection."""
