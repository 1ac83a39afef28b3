"""ClipBERT as the paper uses it: grid features, a question answerer, weights and words."""
