"""Target models and the defenses applied to the features that they store."""
