"""Videos: decoding and sampling by timestamp, and the embedded generated set."""
