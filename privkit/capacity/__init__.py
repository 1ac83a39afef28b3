"""What fits in N bits: the size of each item's value space, and the bound that follows."""
