"""Few-Bit VideoQA: train and evaluate it, and find out what the bits hold."""
